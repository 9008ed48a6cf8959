from __future__ import annotations

import pytest

from cvlib.analysis.verdict import claim_verdict, joint_verdict


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
    assert claim_verdict(low, high, 0, expect) == verdict


def test_the_margin_moves_the_border():
    assert claim_verdict(-0.3, 0.4, -0.5, "above") == "supported"
    assert claim_verdict(-0.3, 0.4, 0.5, "below") == "supported"
    assert claim_verdict(2.5, 4.0, 3, "above") == "undecided"


def test_an_interval_is_not_enough_where_the_paired_test_says_no():
    assert claim_verdict(0.1, 2.0, 0, "above", p=0.2) == "undecided"
    assert claim_verdict(0.1, 2.0, 0, "above", p=0.049) == "supported"
    assert claim_verdict(-2.0, -0.1, 0, "above", p=0.2) == "undecided"


def test_a_hypothesis_needs_all_its_claims_and_falls_with_one():
    assert joint_verdict(["supported", "supported"]) == "supported"
    assert joint_verdict(["supported", "undecided"]) == "undecided"
    assert joint_verdict(["supported", "undecided", "refuted"]) == "refuted"
