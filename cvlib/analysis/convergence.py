"""How fast a run learns: epochs and seconds until a score is reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Convergence:
    """When a score was first reached. epochs: counted from 1; seconds: of training until then."""

    target: float
    epochs: int
    seconds: float


def reach(scores: np.ndarray, seconds: np.ndarray, target: float) -> Convergence | None:
    """The first epoch whose score is at least `target`, None when no epoch's is.

    scores: (E,) one an epoch, higher is better; seconds: (E,) of training in each epoch.
    The measure of DAWNBench's time-to-accuracy (Coleman et al., 2017).
    """
    scores, seconds = np.asarray(scores, dtype=float), np.asarray(seconds, dtype=float)
    if scores.shape != seconds.shape or scores.ndim != 1:
        raise ValueError(f"scores {scores.shape} and seconds {seconds.shape}: expected (E,) twice")
    reached = np.flatnonzero(scores >= target)
    if not len(reached):
        return None
    epochs = int(reached[0]) + 1
    return Convergence(target, epochs, float(seconds[:epochs].sum()))


def reach_share_of_best(
    scores: np.ndarray, seconds: np.ndarray, share: float = 0.95
) -> Convergence:
    """The first epoch at `share` of the run's own best score.

    It tells how soon a curve is flat, not how good it is: for that use one target for all runs.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share {share}: expected more than 0 and at most 1")
    scores = np.asarray(scores, dtype=float)
    if not len(scores) or scores.max() <= 0:
        raise ValueError("scores: expected at least one epoch, and a best score above 0")
    found = reach(scores, seconds, share * float(scores.max()))
    assert found is not None, "the best epoch is at least a share of itself"
    return found


def common_target(runs: Sequence[np.ndarray], share: float = 0.95) -> float:
    """A score for all runs to be timed to: a share of the best that any of them reached.

    runs: the scores (E,) of each run, one an epoch. Slow or weak runs may never reach it, and
    `reach` then says so: a target that all reach would be set by the worst run.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share {share}: expected more than 0 and at most 1")
    if not len(runs) or not all(np.size(scores) for scores in runs):
        raise ValueError("common_target: expected at least one run, each of at least one epoch")
    return share * max(float(np.max(scores)) for scores in runs)
