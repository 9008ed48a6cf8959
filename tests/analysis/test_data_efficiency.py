from __future__ import annotations

import numpy as np
import pytest

from cvlib.analysis.data_efficiency import images_to_match, slope

SIZES = [500, 1000, 2000, 4000]
CNN = np.array([[0.60, 0.65, 0.70, 0.75], [0.62, 0.67, 0.72, 0.77]])  # 5 points a doubling
VIT = np.array([[0.40, 0.55, 0.70, 0.85], [0.42, 0.57, 0.72, 0.87]])  # 15 points a doubling


def test_slope_is_the_gain_of_a_doubling():
    found = slope(SIZES, CNN)
    assert found.value == pytest.approx(0.05)
    assert found.seeds == 2 and found.interval is not None
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
    assert found.interval is None and found.seeds == 1


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


@pytest.mark.parametrize(
    ("sizes", "rows", "message"),
    [
        ([500, 500], [[0.1, 0.2]], "different"),
        ([500], [[0.1]], "at least two"),
        ([0, 500], [[0.1, 0.2]], "above 0"),
        ([500, 1000], [0.1, 0.2], r"\(M,\) and \(S, M\)"),
        ([500, 1000], [[0.1, np.nan]], "not finite"),
    ],
)
def test_curves_that_do_not_fit_are_refused(sizes, rows, message):
    with pytest.raises(ValueError, match=message):
        slope(sizes, np.array(rows))
