from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from cvlib.analysis.intervals import bootstrap_interval, wilson_interval


@pytest.mark.parametrize(("successes", "total"), [(0, 20), (7, 20), (20, 20), (9123, 10000)])
def test_wilson_interval_equals_scipys(successes, total):
    theirs = stats.binomtest(successes, total).proportion_ci(method="wilson")
    ours = wilson_interval(successes, total)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_wilson_interval_refuses_more_successes_than_trials():
    with pytest.raises(ValueError, match="21 successes of 20"):
        wilson_interval(21, 20)


def test_bootstrap_interval_of_a_mean_is_near_the_normal_one():
    values = np.random.default_rng(0).normal(3.0, 2.0, 400)
    found = bootstrap_interval(values, lambda rows: float(rows.mean()), seed=1, resamples=2000)
    assert found.estimate == pytest.approx(values.mean())
    assert found.half_width == pytest.approx(1.96 * values.std() / 20, rel=0.08)


def test_bootstrap_interval_is_set_by_its_seed():
    values = np.arange(30.0)

    def once(seed):
        return bootstrap_interval(values, np.median, seed=seed, resamples=200)

    assert once(3) == once(3)
    assert once(3) != once(4)
