from __future__ import annotations

import numpy as np
import pytest

from cvlib.analysis.convergence import common_target, reach, reach_share_of_best

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
    assert reach_share_of_best(SCORES, SECONDS).epochs == 4
    assert reach_share_of_best(SCORES, SECONDS, 0.85).epochs == 2


def test_unequal_lengths_are_refused():
    with pytest.raises(ValueError, match=r"\(5,\) and seconds \(4,\)"):
        reach(SCORES, SECONDS[:4], 0.8)


def test_common_target_is_set_by_the_best_run_and_may_stay_out_of_reach():
    weak = np.array([0.3, 0.5, 0.6])
    target = common_target([weak, SCORES])
    assert target == pytest.approx(0.95 * 0.90)
    assert reach(weak, np.ones(3), target) is None
    assert reach(SCORES, SECONDS, target) is not None


def test_common_target_of_no_run_is_refused():
    with pytest.raises(ValueError, match="at least one run"):
        common_target([])
