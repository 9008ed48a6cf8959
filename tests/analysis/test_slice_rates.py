from __future__ import annotations

import numpy as np
import pytest

from cvlib.analysis.intervals import Interval, wilson_interval
from cvlib.analysis.slice_rates import compare_rates, newcombe


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


@pytest.mark.parametrize("member", [np.zeros(4, bool), np.array([True, True, False, False])])
def test_members_without_others_of_their_class_are_refused(member):
    with pytest.raises(ValueError, match="others of that class"):
        compare_rates(np.zeros(4), np.array([0, 0, 1, 1]), member)


def test_intervals_that_meet_give_a_difference_of_both_lengths():
    found = newcombe(Interval(0.5, 0.4, 0.6), Interval(0.5, 0.2, 0.8))
    assert (found.low, found.high) == pytest.approx((-np.hypot(0.1, 0.3), np.hypot(0.1, 0.3)))
