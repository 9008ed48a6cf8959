from __future__ import annotations

import numpy as np
import pytest

from cvlib.analysis.efficiency import (
    common_target,
    images_to_match,
    pareto_front,
    reach,
    reach_share_of_best,
    slope_weights,
    weights_at,
)

SCORES = np.array([0.50, 0.80, 0.79, 0.90, 0.88])
SECONDS = np.array([10.0, 9.0, 9.0, 9.0, 9.0])


def test_target_is_reached_at_the_first_epoch_that_holds_it():
    found = reach(SCORES, SECONDS, 0.80)
    assert found is not None
    assert (found.epochs, found.seconds) == (2, 19.0)


def test_target_that_is_never_reached_gives_none():
    assert reach(SCORES, SECONDS, 0.95) is None


def test_share_of_own_best_by_hand():
    # 0.95 * 0.90 = 0.855, first held by epoch 4
    assert reach_share_of_best(SCORES, SECONDS, 0.95).epochs == 4
    assert reach_share_of_best(SCORES, SECONDS, 0.85).epochs == 2


def test_common_target_is_set_by_the_best_run_and_may_stay_out_of_reach():
    weak = np.array([0.3, 0.5, 0.6])
    target = common_target([weak, SCORES], 0.95)
    assert target == pytest.approx(0.95 * 0.90)
    assert reach(weak, np.ones(3), target) is None
    assert reach(SCORES, SECONDS, target) is not None


SIZES = [500, 1000, 2000, 4000]
VIT = np.array([0.40, 0.55, 0.70, 0.85])  # 15 points a doubling


def test_slope_is_the_gain_of_a_doubling():
    assert slope_weights(SIZES) @ VIT == pytest.approx(0.15)
    assert slope_weights(SIZES).sum() == pytest.approx(0)


def test_slope_equals_least_squares_whatever_the_order_of_the_sizes():
    order = [2, 0, 3, 1]
    noisy = VIT + np.random.default_rng(0).normal(0, 0.02, 4)
    found = slope_weights([SIZES[i] for i in order]) @ noisy[order]
    assert found == pytest.approx(np.polyfit(np.log2(SIZES), noisy, 1)[0])


@pytest.mark.parametrize("size", [500, 700, 1000, 3999, 4000])
def test_between_sizes_accuracy_is_straight_over_the_logarithm(size):
    curved = VIT**2
    assert weights_at(SIZES, size) @ curved == pytest.approx(
        np.interp(np.log(size), np.log(SIZES), curved)
    )


def test_images_to_match_by_hand():
    # 0.775 lies halfway between 2,000 and 4,000 on the logarithm
    assert images_to_match(SIZES, VIT, 0.775) == pytest.approx(2000 * 2**0.5)


def test_a_measured_size_is_its_own_answer():
    assert images_to_match(SIZES, VIT, 0.55) == pytest.approx(1000)
    assert images_to_match(SIZES, VIT, 0.40) == pytest.approx(500)
    assert images_to_match(SIZES, VIT, 0.85) == pytest.approx(4000)


def test_the_first_size_that_matches_counts_where_accuracy_falls_again():
    assert images_to_match(SIZES, [0.4, 0.6, 0.5, 0.7], 0.55) == pytest.approx(500 * 2**0.75)


@pytest.mark.parametrize("target", [0.30, 0.90])
def test_nothing_is_said_outside_the_measured_sizes(target):
    assert images_to_match(SIZES, VIT, target) is None


def test_front_equals_comparing_all_pairs():
    generator = np.random.default_rng(0)
    for _ in range(50):
        # few distinct values, so that ties occur
        cost, gain = generator.integers(0, 6, (2, 15)).astype(float)
        expected = [
            not any(
                (cost[j] <= cost[i] and gain[j] >= gain[i])
                and (cost[j] < cost[i] or gain[j] > gain[i])
                for j in range(15)
            )
            for i in range(15)
        ]
        assert pareto_front(cost, gain).tolist() == expected
