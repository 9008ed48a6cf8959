from __future__ import annotations

import pytest

from cvlib.analysis.intervals import Interval
from cvlib.analysis.verdicts import claim_verdict, holm, joint_verdict


def test_holm_by_hand():
    # sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1 -> 0.02, 0.03, 0.06, max(0.06, 0.04)
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_of_one_changes_nothing_and_none_exceeds_one():
    assert holm([0.03]) == [0.03]
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize(
    ("low", "high", "expect", "verdict"),
    [
        (0.1, 2.0, "above", "supported"),
        (-2.0, -0.1, "above", "refuted"),
        (-0.1, 2.0, "above", "undecided"),
        (0.0, 2.0, "above", "undecided"),
        (0.1, 2.0, "below", "refuted"),
        (-2.0, -0.1, "below", "supported"),
    ],
)
def test_an_interval_beyond_the_margin_decides(low, high, expect, verdict):
    assert claim_verdict(Interval(0.5, low, high), 0, expect) == verdict


def test_the_margin_moves_the_border():
    assert claim_verdict(Interval(0.5, -0.3, 0.4), -0.5, "above") == "supported"
    assert claim_verdict(Interval(0.5, -0.3, 0.4), 0.5, "below") == "supported"
    assert claim_verdict(Interval(0.5, 2.5, 4.0), 3, "above") == "undecided"


def test_an_interval_is_not_enough_where_what_was_tested_beside_it_makes_p_large():
    assert claim_verdict(Interval(0.5, 0.1, 2.0), 0, "above", p=0.2) == "undecided"
    assert claim_verdict(Interval(0.5, 0.1, 2.0), 0, "above", p=0.0499) == "supported"
    assert claim_verdict(Interval(0.5, -2.0, -0.1), 0, "above", p=0.2) == "undecided"


def test_a_hypothesis_needs_all_its_claims_and_falls_with_one():
    assert joint_verdict(["supported", "supported"]) == "supported"
    assert joint_verdict(["supported", "undecided"]) == "undecided"
    assert joint_verdict(["supported", "undecided", "refuted"]) == "refuted"
