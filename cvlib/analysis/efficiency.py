"""What accuracy costs: epochs and seconds until a score is reached, training images, and trade-offs.

Between measured sizes of a training set accuracy is taken as straight over the logarithm of the
size, and nothing is said outside of them. Learning curves: Cortes et al., NIPS 1993; data
efficiency of ViTs and ResNets: Dosovitskiy et al., ICLR 2021, section 4.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cvlib.analysis.intervals import Interval, t_interval


@dataclass(frozen=True)
class Convergence:
    """When a score was first reached. epochs: counted from 1; seconds: of training until then."""

    epochs: int
    seconds: float


@dataclass(frozen=True)
class OverSeeds:
    """value: of the mean curve; interval: 95% t-interval over seeds.

    The interval is None with one seed, and where a seed's own value lies outside of what was
    measured. That of a number of images is computed on its logarithm, so it is not symmetric.
    """

    value: float
    interval: Interval | None


def reach(scores: np.ndarray, seconds: np.ndarray, target: float) -> Convergence | None:
    """The first epoch whose score is at least `target`, None when no epoch's is.

    scores: (E,) one an epoch, higher is better; seconds: (E,) of training in each epoch.
    The measure of DAWNBench's time-to-accuracy (Coleman et al., 2017).
    """
    reached = np.flatnonzero(scores >= target)
    if not len(reached):
        return None
    epochs = int(reached[0]) + 1
    return Convergence(epochs, float(seconds[:epochs].sum()))


def reach_share_of_best(scores: np.ndarray, seconds: np.ndarray, share: float) -> Convergence:
    """The first epoch at `share` of the run's own best score, which must be above 0.

    It tells how soon a curve is flat, not how good it is: for that use one target for all runs.
    """
    found = reach(scores, seconds, common_target([scores], share))
    assert found is not None, "the best epoch is at least a share of itself"
    return found


def common_target(runs: Sequence[np.ndarray], share: float) -> float:
    """A score for all runs to be timed to: a share of the best that any of them reached.

    runs: the scores (E,) of each run, one an epoch. Slow or weak runs may never reach it, and
    `reach` then says so: a target that all reach would be set by the worst run.
    """
    return share * max(float(np.max(scores)) for scores in runs)


def slope(sizes: Sequence[float], accuracies: np.ndarray) -> OverSeeds:
    """Accuracy gained with each doubling of the training set, by least squares.

    sizes: (M,) numbers of training images, at least two different; accuracies: (S, M), a row a
    seed. Fits accuracy = a + b log2(size) to each row; the mean of b is that of the mean row.
    """
    logs, rows = _curves(sizes, accuracies)
    centred = logs - logs.mean()
    gains = rows @ centred / (centred @ centred) / np.log2(np.e)
    return OverSeeds(float(gains.mean()), t_interval(gains) if len(gains) > 1 else None)


def images_to_match(
    sizes: Sequence[float], accuracies: np.ndarray, target: float | Sequence[float]
) -> OverSeeds | None:
    """How many training images reach a target accuracy; None where none of the sizes does.

    Also None where the smallest size is above the target already: the number is below what was
    measured. sizes, accuracies as for `slope`. target: an accuracy, or one a seed, such as the
    accuracies of another model at n images ("how many does B need to match A at n").
    """
    logs, rows = _curves(sizes, accuracies)
    lead = rows - np.reshape(np.asarray(target, dtype=float), (-1, 1))
    value = _zero_from_below(logs, lead.mean(axis=0))
    if value is None:
        return None
    each = [found for row in lead if (found := _zero_from_below(logs, row)) is not None]
    interval = None
    if len(each) == len(lead) > 1:
        over = t_interval(np.array(each))
        # the value is the mean curve's; the seeds' own scatter around theirs
        interval = Interval(*(float(np.exp(x)) for x in (over.estimate, over.low, over.high)))
    return OverSeeds(float(np.exp(value)), interval)


def _zero_from_below(logs: np.ndarray, lead: np.ndarray) -> float | None:
    """Where the straight pieces through (logs, lead) first reach 0; None unless from below."""
    if lead[0] == 0:
        return float(logs[0])
    reached = np.flatnonzero(lead >= 0)
    if lead[0] > 0 or not len(reached):
        return None
    right = int(reached[0])
    below, above = lead[right - 1], lead[right]
    return float(logs[right - 1] + (logs[right] - logs[right - 1]) * -below / (above - below))


def _curves(sizes: Sequence[float], accuracies: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (M,) natural logarithms of the sizes, ascending, and (S, M) accuracies likewise."""
    given, rows = np.asarray(sizes, dtype=float), np.asarray(accuracies, dtype=float)
    order = np.argsort(given)
    return np.log(given[order]), rows[:, order]


def pareto_front(cost: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Mark the candidates that nobody beats at less cost.

    cost, gain: (N,). One dominates another when it costs no more and gains no less, and one of the
    two strictly. Returns (N,) bool; equal candidates are both marked.
    Source: Kung, Luccio and Preparata, J. ACM 22(4), 1975 (sort by cost, keep the running best).
    """
    front = np.zeros(len(cost), dtype=bool)
    best, best_cost = -np.inf, np.nan
    for index in np.lexsort((-gain, cost)):
        # a second candidate at the same cost and gain is dominated by nobody either
        if gain[index] > best or (gain[index] == best and cost[index] == best_cost):
            front[index] = True
            best, best_cost = gain[index], cost[index]
    return front
