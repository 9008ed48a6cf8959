from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from cvlib.analysis.estimate import (
    FIXED,
    Estimate,
    Part,
    SeedVariance,
    estimate,
    seed_variances,
    share_variance,
)
from tests.analysis.coverage import (
    EXPERIMENTS,
    FEW_ERRORS,
    PLANTED,
    RATIOS,
    SEEDS,
    SETTINGS,
    Share,
    claimed,
    coverage,
    stored,
)

DRAWS = 30  # of each cell, with four variants; docs/statistics.md has more of both


# ── by hand ──────────────────────────────────────────────────────────────────────────────────


def test_a_seed_variance_is_weighed_with_the_median_of_all():
    values = [np.array([1.0, 2.0, 3.0]), np.array([2.0, 6.0]), np.array([0.0, 20.0, 70.0])]
    # variances 1, 8 and 1300 of 2, 1 and 2 degrees of freedom, whose medians are 2 log 2 / 2 and 0.4549
    usual = np.median([1 / math.log(2), 8 / 0.454936, 1300 / math.log(2)])
    one, other, wild = seed_variances(values)
    assert one.variance == pytest.approx((2 * usual + 2 * 1) / 4, rel=1e-5)
    assert other.variance == pytest.approx((2 * usual + 1 * 8) / 3, rel=1e-5)
    assert wild.variance == pytest.approx((2 * usual + 2 * 1300) / 4, rel=1e-5)
    assert (one.df, other.df, one.pooled_df) == (4, 3, 5)
    # no more than all seeds tell
    assert [found.df for found in seed_variances(values[:2])] == [3, 3]


def test_one_seed_borrows_all_from_the_others_and_nothing_is_known_where_all_have_one():
    lone, many = seed_variances([np.array([5.0]), np.array([1.0, 2.0, 3.0])])
    assert lone.variance == pytest.approx(1 / math.log(2), rel=1e-5)
    assert (lone.df, many.df) == (2, 2)
    assert seed_variances([np.array([5.0]), np.array([4.0])]) == [None, None]


def test_a_difference_by_hand():
    a = np.array([[1, 1, 1, 0], [1, 1, 0, 0]], bool)
    b = np.array([[1, 0, 1, 0], [0, 0, 1, 0]], bool)
    spread = SeedVariance(0.02, 3, 8)
    found = estimate([Part(1, a.mean(1), spread), Part(-1, b.mean(1), spread)], [a, b])
    assert found.value == pytest.approx(5 / 8 - 3 / 8)
    assert found.seeds == pytest.approx(0.02 / 2 + 0.02 / 2)
    # each image's difference 0.5, 1, -0.5, 0: squares about 0.25 sum to 1.25.
    left = sum(residual(one) for one in (a, b)) / 2
    away = np.array([0.5, 1, 0.5, 0])
    size = (away**2).sum() / away.sum()
    assert found.images == pytest.approx(max(1.25 - 4 * left, 0) / 16 + 2 * size**2 / 16)
    assert found.df == pytest.approx(6)  # two variances of 3, equally heavy


def residual(right):
    seeds, images = right.shape
    expected = right.mean(0) + right.mean(1, keepdims=True) - right.mean()
    return ((right - expected) ** 2).sum() / ((seeds - 1) * (images - 1))


def test_variances_that_borrow_from_one_pool_know_no_more_than_the_pool():
    spread = SeedVariance(0.02, 3, 4)
    values = np.array([0.5, 0.6])
    assert estimate([Part(1, values, spread), Part(-1, values, spread)]).df == 4


def test_deterministic_variants_have_the_normal_interval_of_their_images():
    right = np.random.default_rng(0).random((1, 5000)) < 0.9
    found = estimate([Part(1, right.mean(1), FIXED)], [np.repeat(right, 3, axis=0)])
    # three equal seeds are no more evidence than one
    assert found == estimate([Part(1, right.mean(1), FIXED)], [right])
    normal = 1.96 * right.std() / 5000**0.5
    assert normal < found.half_width() < 1.01 * normal


def test_seeds_without_outcomes_have_the_t_interval():
    values = np.array([0.912, 0.915, 0.907])
    spread = SeedVariance(float(values.var(ddof=1)), 2, 2)
    low, high = stats.t.interval(0.95, 2, values.mean(), stats.sem(values))
    found = estimate([Part(1, values, spread)]).interval()
    assert (found.low, found.high) == pytest.approx((low, high))


def test_p_is_below_a_twentieth_where_the_interval_leaves_the_margin_out():
    for seeds in (0.0, 0.3, 2.0):
        found = Estimate(1.0, seeds, 0.1, df=4 if seeds else math.inf)
        ends = found.interval()
        assert found.p(ends.low) == pytest.approx(0.05) == found.p(ends.high)
        assert found.p(ends.low - 0.01) < 0.05 < found.p(ends.low + 0.01)


def test_no_error_at_all_is_not_taken_for_certainty():
    right = np.ones((3, 200), bool)
    found = estimate([Part(1, right.mean(1), FIXED)], [right])
    assert found.half_width() == pytest.approx(1.96 * 2**0.5 / 200, rel=1e-4)
    assert found.images == share_variance(1.0, 200)


def test_an_image_that_all_seeds_find_hard_is_not_counted_as_noise_of_each():
    generator = np.random.default_rng(1)
    hard = generator.random(4000) < 0.1
    alike = np.repeat(~hard[None], 5, axis=0)
    apart = generator.random((5, 4000)) >= 0.1
    spread = SeedVariance(1e-6, 8, 8)
    same, other = (estimate([Part(1, one.mean(1), spread)], [one]) for one in (alike, apart))
    # alike: another test set would shift all seeds together; apart: the seeds' variance has it
    assert same.images == pytest.approx(0.09 / 4000, rel=0.1)
    assert other.images < 0.1 * same.images


def test_the_same_in_percent():
    found = Estimate(0.5, 0.01, 0.02, df=5)
    assert found.times(100).half_width() == pytest.approx(100 * found.half_width())
    assert found.times(100).p(20) == pytest.approx(found.p(0.2))


# ── by simulation, where the truth is known ──────────────────────────────────────────────────


@pytest.fixture(scope="module")
def covered():
    """Small settings: for each, seeds from 2 to 10 and standard deviations up to tenfold apart."""
    return {
        cell: coverage(cell, DRAWS)
        for one in SETTINGS + FEW_ERRORS
        for ratio in RATIOS
        for seeds in SEEDS
        for cell in [replace(one, ratio=ratio, seeds=seeds, variants=4)]
    }


def together(covered, of, **wanted):
    """Of all cells that are so, whose draws are independent."""
    cells = [
        of(found)
        for one, found in covered.items()
        if one.errors >= 10 and all(getattr(one, key) == value for key, value in wanted.items())
    ]
    return Share(np.concatenate([cell.outcomes for cell in cells]))


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("seeds", SEEDS)
def test_intervals_of_differences_hold_what_they_say(covered, seeds, ratio):
    found = together(covered, lambda one: one.difference, seeds=seeds, ratio=ratio)
    assert found.error < 0.015
    assert 0.93 - 2 * found.error <= found.value <= 0.97 + 2 * found.error


@pytest.mark.parametrize("seeds", SEEDS)
def test_intervals_of_accuracies_hold_what_they_say(covered, seeds):
    found = together(covered, lambda one: one.single, seeds=seeds)
    assert found.error < 0.015
    assert 0.93 - 2 * found.error <= found.value <= 0.97 + 2 * found.error


def test_no_setting_is_far_off_and_few_errors_make_intervals_wide_rather_than_narrow(covered):
    for one, cell in covered.items():
        for found in (cell.difference, cell.single):
            assert found.value >= 0.93 - 3 * found.error, one
            if one.errors >= 10:
                assert found.value <= 0.97 + 3 * found.error or found.value == 1, one


def test_two_variants_of_one_recipe_are_rarely_told_apart(covered):
    for seeds in SEEDS:
        found = together(covered, lambda one: one.false, seeds=seeds, ratio=1)
        assert found.value <= 0.06 + 2 * found.error, seeds
    assert together(covered, lambda one: one.false, ratio=1).value <= 0.06


def test_one_point_is_found_with_five_seeds_and_ten_thousand_images():
    one = replace(PLANTED, variants=6)
    assert claimed(one, 12)[0].value >= 0.85


def test_a_family_of_eleven_keeps_its_level_and_still_finds_a_point():
    assert claimed(PLANTED, 8)[1].value >= 0.75
    nothing = replace(PLANTED, gain=0.0, images=2000, sd=0.004)
    any_false = claimed(nothing, 60)[1].outcomes.any(axis=1).mean()
    assert any_false <= 0.05 + 2 * (0.05 * 0.95 / 60) ** 0.5


def test_seeds_of_one_variant_of_the_shipped_runs_are_rarely_told_apart():
    found = [stored(name) for name in EXPERIMENTS]
    pairs = sum(one.pairs for one in found)
    assert pairs > 100
    # with its own variance, which the two are part of, and as two variants of one seed each
    assert sum(one.own for one in found) <= 0.1 * pairs
    assert sum(one.others for one in found) <= 0.1 * pairs
