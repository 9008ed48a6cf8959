from __future__ import annotations

import numpy as np
import pytest

from cvlib.analysis.efficiency import (
    common_target,
    images_to_match,
    pareto_front,
    reach,
    reach_share_of_best,
    slope,
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
CNN = np.array([[0.60, 0.65, 0.70, 0.75], [0.62, 0.67, 0.72, 0.77]])  # 5 points a doubling
VIT = np.array([[0.40, 0.55, 0.70, 0.85], [0.42, 0.57, 0.72, 0.87]])  # 15 points a doubling


def test_slope_is_the_gain_of_a_doubling():
    found = slope(SIZES, CNN)
    assert found.value == pytest.approx(0.05)
    assert found.interval is not None
    assert found.interval.half_width == pytest.approx(0, abs=1e-12)


def test_slope_equals_least_squares_with_its_interval_over_seeds():
    noisy = CNN + np.random.default_rng(0).normal(0, 0.02, CNN.shape)
    each = [np.polyfit(np.log2(SIZES), row, 1)[0] for row in noisy]
    found = slope(SIZES, noisy)
    assert found.value == pytest.approx(np.mean(each))
    assert found.interval.half_width == pytest.approx(
        12.7062 * abs(each[0] - each[1]) / 2, rel=1e-5
    )


def test_images_to_match_by_hand():
    # 0.775 lies halfway between 2,000 and 4,000 on the logarithm
    found = images_to_match(SIZES, VIT[:1], 0.775)
    assert found.value == pytest.approx(2000 * 2**0.5)
    assert found.interval is None


def test_a_measured_size_is_its_own_answer():
    assert images_to_match(SIZES, VIT[:1], 0.55).value == pytest.approx(1000)
    assert images_to_match(SIZES, VIT[:1], 0.40).value == pytest.approx(500)


@pytest.mark.parametrize("target", [0.30, 0.90])
def test_nothing_is_said_outside_the_measured_sizes(target):
    assert images_to_match(SIZES, VIT, target) is None


def test_matching_another_model_goes_seed_by_seed():
    # the CNN at 1,000 images has 0.65 and 0.67, which the ViT has two thirds of a doubling later
    found = images_to_match(SIZES, VIT, CNN[:, 1])
    assert found.value == pytest.approx(1000 * 2 ** (2 / 3))
    assert found.interval.low == pytest.approx(found.interval.high)


def test_interval_of_a_size_is_that_of_its_logarithm():
    shifted = np.array([VIT[0], VIT[0] - 0.03, VIT[0] + 0.015])
    logs = np.log(2000) + np.log(2) * np.array([0, 0.2, -0.1])
    half = 4.30265 * logs.std(ddof=1) / 3**0.5
    found = images_to_match(SIZES, shifted, 0.70)
    assert found.interval.low == pytest.approx(np.exp(logs.mean() - half), rel=1e-5)
    assert found.interval.high == pytest.approx(np.exp(logs.mean() + half), rel=1e-5)


def test_no_interval_where_one_seed_lies_outside():
    # the first seed ends at 0.85, the mean of both at 0.86
    found = images_to_match(SIZES, VIT, 0.855)
    assert found.value < 4000 and found.interval is None


def test_order_of_the_sizes_does_not_matter():
    shuffled = [2, 0, 3, 1]
    sizes = [SIZES[i] for i in shuffled]
    assert slope(sizes, VIT[:, shuffled]).value == pytest.approx(slope(SIZES, VIT).value)
    found = images_to_match(sizes, VIT[:, shuffled], CNN[:, 1])
    assert found.value == pytest.approx(images_to_match(SIZES, VIT, CNN[:, 1]).value)


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
