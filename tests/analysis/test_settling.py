import numpy as np
import pytest
from scipy.special import stdtrit

from cvlib.analysis.estimate import LEVEL, Estimate
from cvlib.analysis.settling import forecast, look_level, next_look

LOOKS, STUDIES, FIRST = 6, 20_000, 3


def decided_at(effect: float) -> np.ndarray:
    """Look (0, 1, …) at which each of many studies finds a difference of two means; -1: at none.

    Seeds of both variants have a variance of 1. Each study adds the seeds that are forecast.
    """
    rng = np.random.default_rng(4)
    seeds = np.full(STUDIES, FIRST)
    sums, squares = np.zeros((2, STUDIES, 2))
    taken = np.zeros(STUDIES, int)
    decided = np.full(STUDIES, -1)
    for look in range(LOOKS):
        left = decided < 0
        for have in range(seeds.max()):
            draw = (
                rng.normal((effect, 0), 1, (STUDIES, 2))
                * (left & (taken <= have) & (have < seeds))[:, None]
            )
            sums, squares = sums + draw, squares + draw**2
        taken = np.where(left, seeds, taken)
        mean = sums / taken[:, None]
        variance = (squares / taken[:, None] - mean**2).mean(axis=1) * taken / (taken - 1)
        error = np.sqrt(2 * variance / taken)
        t = np.abs(mean[:, 0] - mean[:, 1]) / error
        half = stdtrit(2 * (taken - 1), 1 - look_level(look + 1) / 2)
        decided[left & (t > half)] = look
        # seeds that would do at the next level, as `forecast` has it for many
        wanted = np.ceil(taken * (stdtrit(2 * taken, 1 - look_level(look + 2) / 2) / t) ** 2)
        grown = map(next_look, taken.tolist(), np.minimum(wanted, 1e6).astype(int).tolist())
        seeds = np.minimum(list(grown), 60)
    return decided


def test_who_looks_six_times_claims_a_difference_that_is_none_in_5_of_100_studies_at_most():
    # with 5% at each look, without the rule, it is 18 of 100
    assert np.mean(decided_at(0.0) >= 0) <= 0.05


def test_more_seeds_find_what_the_first_look_misses():
    found = decided_at(2 * np.sqrt(2 / FIRST))  # two standard errors of the first look
    assert np.mean(found == 0) < 0.4
    assert np.mean(found >= 0) > 0.9


def test_the_levels_of_all_looks_make_five_percent():
    assert sum(look_level(look) for look in range(1, 100_000)) == pytest.approx(LEVEL, rel=1e-4)


def test_a_forecast_is_the_first_number_of_seeds_whose_interval_leaves_the_margin_out():
    found = Estimate(1.0, seeds=0.4, images=0.05, df=4)
    seeds = forecast(found, 0.0, [3, 3], LEVEL).seeds

    def half_width(count):
        return Estimate(1.0, 0.4 * 3 / count, 0.05, 4 + count - 3).half_width()

    assert half_width(seeds) < 1.0 <= half_width(seeds - 1)


def test_where_images_alone_leave_it_open_a_forecast_is_of_images():
    found = Estimate(1.0, seeds=0.01, images=0.5, df=4)
    asked = forecast(found, 0.0, [3, 3], LEVEL)
    assert asked.seeds is None
    assert Estimate(1.0, 0.01, 0.5 / asked.factor, 4).half_width() == pytest.approx(1, abs=0.01)
    fixed = forecast(Estimate(1.0, 0.0, 0.5, np.inf), 0.0, [], LEVEL)
    assert fixed.factor == pytest.approx(0.5 * 1.96**2, abs=0.01)


def test_what_lies_on_the_margin_nothing_settles():
    asked = forecast(Estimate(1.0, 0.1, 0.1, 4), 1.0, [3, 3], LEVEL)
    assert (asked.seeds, asked.factor) == (None, None)


def test_seeds_between_looks_grow_by_half_at_least_and_fourfold_at_most():
    assert [next_look(4, forecast) for forecast in (5, 9, 100)] == [6, 9, 16]
