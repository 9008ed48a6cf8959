"""Which of several candidates nobody beats at less cost."""

from __future__ import annotations

import numpy as np


def pareto_front(cost: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Mark the candidates that no other dominates.

    cost, gain: (N,). One dominates another when it costs no more and gains no less, and one of the
    two strictly. Returns (N,) bool; equal candidates are both marked.
    Source: Kung, Luccio and Preparata, J. ACM 22(4), 1975 (sort by cost, keep the running best).
    """
    cost, gain = np.asarray(cost, dtype=float), np.asarray(gain, dtype=float)
    if cost.shape != gain.shape or cost.ndim != 1:
        raise ValueError(f"cost {cost.shape} and gain {gain.shape}: expected (N,) twice")
    if not (np.isfinite(cost).all() and np.isfinite(gain).all()):
        raise ValueError("cost and gain must be finite; leave out candidates without a result")
    front = np.zeros(len(cost), dtype=bool)
    best, best_cost = -np.inf, np.nan
    for index in np.lexsort((-gain, cost)):
        # a second candidate at the same cost and gain is dominated by nobody either
        if gain[index] > best or (gain[index] == best and cost[index] == best_cost):
            front[index] = True
            best, best_cost = gain[index], cost[index]
    return front
