"""A group against the rest of its classes: exact test, standardised rates."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from scipy import stats

from cvlib.analysis.intervals import Interval, wilson_interval
from cvlib.analysis.stratified import SMALLEST_P, compare_rates, exact_share_test, newcombe


def by_trying_all(score: np.ndarray, stratum: np.ndarray, member: np.ndarray) -> float:
    """The share of all groups with as many images of each stratum that score as high or higher."""
    ways = []
    for code in np.unique(stratum):
        rows = np.flatnonzero(stratum == code)
        size = int(member[rows].sum())
        ways.append([score[list(group)].sum() for group in combinations(rows.tolist(), size)])
    totals = np.array([sum(parts) for parts in product(*ways)])
    return float(np.mean(totals >= score[member].sum()))


@pytest.mark.parametrize("seeds", [1, 3, 5])
@pytest.mark.parametrize("draw", range(12))
def test_equals_trying_every_group(seeds, draw):
    generator = np.random.default_rng([seeds, draw])
    stratum = generator.permutation(np.repeat([0, 1, 7], [7, 5, 4]))
    score = generator.binomial(seeds, generator.uniform(0.1, 0.9), 16)
    member = generator.random(16) < generator.uniform(0.2, 0.8)
    expected = by_trying_all(score, stratum, member)
    assert exact_share_test(score, stratum, member) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("images", "wrong", "drawn", "both"), [(900, 200, 180, 55), (40, 3, 8, 0)])
def test_with_one_seed_and_one_class_it_is_fishers_test(images, wrong, drawn, both):
    score = np.zeros(images, int)
    score[:wrong] = 1
    member = np.zeros(images, bool)
    member[wrong - both : wrong - both + drawn] = True
    table = [[both, drawn - both], [wrong - both, images - wrong - drawn + both]]
    expected = stats.fisher_exact(table, alternative="greater").pvalue
    found = exact_share_test(score, np.zeros(images, int), member)
    assert found == pytest.approx(expected, rel=1e-9)


def test_a_harder_class_is_no_evidence():
    # all members are of the hard class, and fail as often as the rest of it
    stratum = np.repeat([0, 1], 500)
    score = np.concatenate([np.zeros(500, int), np.tile([0, 1], 250)])
    member = np.arange(1000) >= 800
    assert exact_share_test(score, np.zeros(1000, int), member) < 1e-10
    assert exact_share_test(score, stratum, member) > 0.4


def test_seeds_that_agree_are_no_further_evidence():
    generator = np.random.default_rng(3)
    once = (generator.random(400) < 0.2).astype(int)
    member, stratum = generator.random(400) < 0.3, generator.integers(0, 4, 400)
    thrice = exact_share_test(3 * once, stratum, member)
    assert thrice == pytest.approx(exact_share_test(once, stratum, member), rel=1e-9)


@pytest.mark.parametrize("seeds", [1, 3])
def test_p_of_random_errors_is_uniform_or_larger(seeds):
    generator = np.random.default_rng(4)
    stratum = generator.integers(0, 5, 600)
    hardness = generator.uniform(0, 0.4, 5)[stratum]
    member = generator.random(600) < 0.2
    p = np.array(
        [
            exact_share_test(
                (generator.random((seeds, 600)) < hardness).sum(axis=0), stratum, member
            )
            for _ in range(1_000)
        ]
    )
    for level in (0.01, 0.05, 0.2, 0.5):
        # and three standard deviations of luck
        assert np.mean(p <= level) <= level + 3 * np.sqrt(level * (1 - level) / 1_000)
    assert 0.45 < np.mean(p) < 0.6  # not by being useless


def test_certain_outcomes_have_p_1_and_the_smallest_is_said():
    score, stratum = np.array([1, 0, 2, 0]), np.array([0, 0, 1, 1])
    assert exact_share_test(score, stratum, np.zeros(4, bool)) == 1
    assert exact_share_test(score, stratum, np.ones(4, bool)) == 1
    far = np.repeat([1, 0], [200, 2000])
    assert exact_share_test(far, np.zeros(2200, int), far == 1) == SMALLEST_P


def test_difference_equals_newcombes_own_example():
    # Stat. Med. 17(8), 1998, table II, (a) 56/70 - 48/80, method 10: 0.0524 to 0.3339
    found = newcombe(wilson_interval(56, 70), wilson_interval(48, 80))
    assert found.estimate == pytest.approx(0.2)
    assert (found.low, found.high) == (
        pytest.approx(0.0524, abs=5e-5),
        pytest.approx(0.3339, abs=5e-5),
    )


def test_in_one_class_rates_are_plain_wilson():
    error = np.repeat([1.0, 0.0, 1.0, 0.0], [30, 70, 50, 450])
    member = np.arange(600) < 100
    found = compare_rates(error, np.zeros(600, int), member)
    assert found.rate == wilson_interval(30, 100)
    assert found.rest == wilson_interval(50, 500)
    assert found.difference.estimate == pytest.approx(0.2)


def test_the_rest_is_weighted_to_the_members_classes():
    # 3 of 4 members are of the class whose others fail by half, 1 of the one whose never do
    error = np.array([1, 1, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0.0])
    stratum = np.array([0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
    found = compare_rates(error, stratum, np.arange(14) < 4)
    assert found.rest.estimate == pytest.approx(0.75 * 0.5 + 0.25 * 0)
    images = 1 / (0.75**2 / 4 + 0.25**2 / 6)
    by_hand = wilson_interval(0.375 * images, images)  # type: ignore[arg-type]
    assert (found.rest.low, found.rest.high) == pytest.approx((by_hand.low, by_hand.high))


def test_a_higher_confidence_widens_the_difference_alone():
    error, member = np.tile([1.0, 0.0, 0.0, 0.0], 50), np.arange(200) < 40
    usual = compare_rates(error, np.zeros(200, int), member)
    joint = compare_rates(error, np.zeros(200, int), member, confidence_of_difference=0.9995)
    assert joint.rate == usual.rate
    assert joint.difference.low < usual.difference.low < usual.difference.high
    assert joint.difference.high > usual.difference.high


def test_an_interval_of_the_difference_holds_as_often_as_it_says():
    generator = np.random.default_rng(0)
    member, stratum = np.arange(900) < 150, np.tile([0, 1, 2], 300)
    risk = np.array([0.05, 0.1, 0.3])[stratum] + 0.1 * member
    held = 0
    for _ in range(600):
        found = compare_rates((generator.random(900) < risk).astype(float), stratum, member)
        held += found.difference.low <= 0.1 <= found.difference.high
    assert held / 600 >= 0.93  # 95%, and two standard deviations of luck


def test_intervals_that_meet_give_a_difference_of_both_lengths():
    found = newcombe(Interval(0.5, 0.4, 0.6), Interval(0.5, 0.2, 0.8))
    assert (found.low, found.high) == pytest.approx((-np.hypot(0.1, 0.3), np.hypot(0.1, 0.3)))
