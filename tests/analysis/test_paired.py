from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from cvlib.analysis.paired import (
    claim_verdict,
    holm,
    joint_verdict,
    paired_bootstrap,
    paired_test,
    sign_flip_test,
)


def mcnemar_exact(only_a: int, only_b: int) -> float:
    """McNemar's exact test is the binomial test of the images that exactly one gets right."""
    total = only_a + only_b
    return stats.binomtest(only_a, total, 0.5).pvalue if total else 1.0


@pytest.mark.parametrize(("a", "b"), [(0, 0), (1, 0), (7, 2), (40, 40), (300, 380), (1500, 1200)])
def test_sign_flip_with_one_seed_is_mcnemar(a, b):
    score = np.concatenate([np.ones(a, int), -np.ones(b, int), np.zeros(50, int)])
    assert sign_flip_test(score) == pytest.approx(mcnemar_exact(a, b), rel=1e-9)


def test_sign_flip_equals_counting_all_signs():
    score = np.array([3, -1, 2, 2, 0, 1, -2, 3, 1])
    signs = np.array(list(itertools.product([-1, 1], repeat=len(score))))
    expected = np.mean(np.abs(signs @ score) >= abs(score.sum()))
    assert sign_flip_test(score) == pytest.approx(expected, rel=1e-12)


def test_sign_flip_holds_its_level_when_there_is_no_difference():
    generator = np.random.default_rng(0)
    hardness = generator.uniform(0.6, 1.0, 300)
    rejected = 0
    for _ in range(400):
        a, b = (generator.random((3, 300)) < hardness for _ in range(2))
        rejected += sign_flip_test(a.sum(0) - b.sum(0)) < 0.05
    assert rejected <= 30  # 400 * 0.05 = 20, and two standard deviations of luck


def test_pooling_seeds_as_if_they_were_images_would_claim_too_much():
    # Two fixed classifiers "trained" with three equal seeds: the evidence is that of one seed.
    generator = np.random.default_rng(1)
    a, b = (generator.random(500) < share for share in (0.80, 0.77))
    once = paired_test(a[None], b[None])
    thrice = paired_test(np.tile(a, (3, 1)), np.tile(b, (3, 1)))
    assert thrice.p == pytest.approx(once.p)
    only_a, only_b = 3 * int((a & ~b).sum()), 3 * int((b & ~a).sum())
    assert mcnemar_exact(only_a, only_b) < once.p


def test_a_paired_test_by_hand():
    a = np.array([[True, True, False, True]])
    b = np.array([[True, False, False, False]])
    found = paired_test(a, b)
    assert found.difference.estimate == pytest.approx(0.5)
    assert found.p == pytest.approx(0.5)


def test_paired_bootstrap_is_near_the_normal_interval():
    difference = np.random.default_rng(2).choice([-1, 0, 1], 5000, p=[0.03, 0.92, 0.05])
    found = paired_bootstrap(difference, seed=0)
    assert found.estimate == pytest.approx(difference.mean())
    assert found.half_width == pytest.approx(1.96 * difference.std() / 5000**0.5, rel=0.05)


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
