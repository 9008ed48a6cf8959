"""How accuracy grows with the number of training images, and what an equal accuracy costs.

Between measured sizes accuracy is taken as straight over the logarithm of the size, and nothing is
said outside of them. Learning curves: Cortes et al., NIPS 1993; data efficiency of ViTs and
ResNets: Dosovitskiy et al., ICLR 2021, section 4.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cvlib.analysis.intervals import Interval, t_interval


@dataclass(frozen=True)
class OverSeeds:
    """value: of the mean curve; interval: 95% t-interval over seeds.

    The interval is None with one seed, and where a seed's own value lies outside of what was
    measured. That of a number of images is computed on its logarithm, so it is not symmetric.
    """

    value: float
    interval: Interval | None
    seeds: int


def slope(sizes: Sequence[float], accuracies: np.ndarray) -> OverSeeds:
    """Accuracy gained with each doubling of the training set, by least squares.

    sizes: (M,) numbers of training images, at least two different; accuracies: (S, M), a row a
    seed. Fits accuracy = a + b log2(size) to each row; the mean of b is that of the mean row.
    """
    logs, rows = _checked(sizes, accuracies)
    centred = logs - logs.mean()
    gains = rows @ centred / (centred @ centred) / np.log2(np.e)
    return OverSeeds(float(gains.mean()), t_interval(gains) if len(gains) > 1 else None, len(gains))


def images_to_match(
    sizes: Sequence[float], accuracies: np.ndarray, target: float | Sequence[float]
) -> OverSeeds | None:
    """How many training images reach a target accuracy; None where none of the sizes does.

    Also None where the smallest size is above the target already: the number is below what was
    measured. sizes, accuracies as for `slope`. target: an accuracy, or one a seed, such as the
    accuracies of another model at n images ("how many does B need to match A at n").
    """
    logs, rows = _checked(sizes, accuracies)
    if np.ndim(target) and np.shape(target) != (len(rows),):
        raise ValueError(f"target {np.shape(target)}: expected one number, or one a seed")
    return _first_reached(logs, rows - np.reshape(np.asarray(target, dtype=float), (-1, 1)))


def _first_reached(logs: np.ndarray, lead: np.ndarray) -> OverSeeds | None:
    value = _zero_from_below(logs, lead.mean(axis=0))
    if value is None:
        return None
    each = [found for row in lead if (found := _zero_from_below(logs, row)) is not None]
    interval = None
    if len(each) == len(lead) > 1:
        over = t_interval(np.array(each))
        # the value is the mean curve's; the seeds' own scatter around theirs
        interval = Interval(*(float(np.exp(x)) for x in (over.estimate, over.low, over.high)))
    return OverSeeds(float(np.exp(value)), interval, len(lead))


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


def _checked(sizes: Sequence[float], accuracies: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (M,) natural logarithms of the sizes, ascending, and (S, M) accuracies likewise."""
    given, rows = np.asarray(sizes, dtype=float), np.asarray(accuracies, dtype=float)
    if given.ndim != 1 or rows.ndim != 2 or rows.shape[1] != len(given) or not len(rows):
        raise ValueError(
            f"sizes {given.shape} and accuracies {rows.shape}: expected (M,) and (S, M)"
        )
    if len(np.unique(given)) < max(2, len(given)) or given.min() <= 0:
        raise ValueError(f"sizes {given.tolist()}: expected at least two, different and above 0")
    if not np.isfinite(rows).all():
        raise ValueError("accuracies hold values that are not finite; leave those seeds out")
    order = np.argsort(given)
    return np.log(given[order]), rows[:, order]
