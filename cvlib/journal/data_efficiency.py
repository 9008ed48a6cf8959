"""What more training images buy a family of models, for sentences beside the data curve."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cvlib.analysis import data_efficiency
from cvlib.journal import numbers
from cvlib.journal.data_curve import data_points
from cvlib.journal.errors import JournalError, MissingResults
from cvlib.journal.quantity import Quantity
from cvlib.journal.variant_results import VariantResults


def gain_per_doubling(members: Sequence[VariantResults]) -> Quantity:
    """`+3.5 [3.1, 3.9] points` of test accuracy for each doubling of the training images."""
    sizes, accuracies, _, stale = _family(members)
    found = data_efficiency.slope(sizes, accuracies)
    if found.interval is None:
        return Quantity(f"{numbers.signed(found.value, 2)} points", found.value, stale=stale)
    low, high = found.interval.low, found.interval.high
    text = f"{numbers.difference(found.value, low, high)} points"
    return Quantity(text, found.value, low, high, stale)


def images_to_match(members: Sequence[VariantResults], rival: VariantResults) -> Quantity:
    """`5,700`: training images at which the family is as accurate as one other variant.

    Read off its curve, straight between sizes over their logarithm; `more than 28,800` or `fewer
    than 450` where the curve does not reach that far.
    """
    sizes, accuracies, seeds, stale = _family(members)
    stale = stale or rival.is_stale
    missing = [seed for seed in seeds if seed not in rival.need().runs]
    if missing:
        raise MissingResults(
            f"{rival.id} has no result for seeds {missing}, which the family has; run it"
        )
    target = [100 * rival.value("test_accuracy", seed) for seed in seeds]
    found = data_efficiency.images_to_match(sizes, accuracies, target)
    if found is not None:
        over = found.interval
        low, high = (over.low, over.high) if over is not None else (None, None)
        # two digits: between measured sizes the curve is a guess
        rounded = float(f"{found.value:.1e}")
        return Quantity(f"{rounded:,.0f}", found.value, low, high, stale)
    if accuracies[:, 0].mean() > np.mean(target):
        return Quantity(f"fewer than {sizes[0]:,.0f}", stale=stale)
    return Quantity(f"more than {sizes[-1]:,.0f}", stale=stale)


def _family(
    members: Sequence[VariantResults],
) -> tuple[list[float], np.ndarray, list[int], bool]:
    """Sizes (M,), accuracies in percent (S, M), the seeds that all sizes have, and staleness."""
    points = data_points(members, "train_images")
    if len(points) < 2:
        names = ", ".join(v.name for v in members)
        raise JournalError(f"{names}: expected results at two numbers of training images or more")
    variants = list(points.values())
    seeds = [s for s in variants[0].runs if all(s in v.runs for v in variants)]
    if not seeds:
        raise MissingResults(
            f"{', '.join(v.name for v in variants)} have no seed in common with results"
        )
    accuracies = np.array([[100 * v.value("test_accuracy", s) for v in variants] for s in seeds])
    return list(points), accuracies, seeds, any(v.is_stale for v in variants)
