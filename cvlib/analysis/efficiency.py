"""What accuracy costs: epochs and seconds until a score is reached, training images, and trade-offs.

Between measured sizes of a training set accuracy is taken as straight over the logarithm of the
size, and nothing is said outside of them. Learning curves: Cortes et al., NIPS 1993; data
efficiency of ViTs and ResNets: Dosovitskiy et al., ICLR 2021, section 4.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Convergence:
    """When a score was first reached. epochs: counted from 1; seconds: of training until then."""

    epochs: int
    seconds: float


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


def slope_weights(sizes: Sequence[float]) -> np.ndarray:
    """Weights (M,) whose sum with the accuracies is what each doubling of the training set gains.

    sizes: (M,) numbers of training images, at least two different. Least squares of accuracy = a +
    b log2(size), which is linear in the accuracies.
    """
    logs = np.log2(np.asarray(sizes, dtype=float))
    centred = logs - logs.mean()
    weights: np.ndarray = centred / (centred @ centred)
    return weights


def weights_at(sizes: Sequence[float], size: float) -> np.ndarray:
    """Weights (M,) of the accuracies at M ascending sizes whose sum is that at a size between them."""
    logs = np.log(np.asarray(sizes, dtype=float))
    right = int(np.clip(np.searchsorted(logs, np.log(size)), 1, len(logs) - 1))
    share = (np.log(size) - logs[right - 1]) / (logs[right] - logs[right - 1])
    weights = np.zeros(len(logs))
    weights[right - 1 : right + 1] = 1 - share, share
    return weights


def images_to_match(
    sizes: Sequence[float], accuracies: Sequence[float], target: float
) -> float | None:
    """How many training images reach a target accuracy; None where none of the sizes does.

    Also None where the smallest size is above the target already: the number is below what was
    measured. sizes, accuracies: (M,), ascending in size.
    """
    logs, lead = np.log(np.asarray(sizes, dtype=float)), np.asarray(accuracies) - target
    if lead[0] == 0:
        return float(sizes[0])
    reached = np.flatnonzero(lead >= 0)
    if lead[0] > 0 or not len(reached):
        return None
    right = int(reached[0])
    below, above = lead[right - 1], lead[right]
    return float(
        np.exp(logs[right - 1] + (logs[right] - logs[right - 1]) * -below / (above - below))
    )


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
