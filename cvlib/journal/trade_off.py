"""Which variants are worth their time: the Pareto front, and the quickest of the good ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cvlib.analysis.pareto import pareto_front
from cvlib.journal.errors import JournalError, MissingResults
from cvlib.journal.origin import keys_of
from cvlib.journal.quantity import Words
from cvlib.journal.variant_results import VariantResults
from cvlib.journal.words import listed

LOW_IS_BETTER = ("parameters", "flops", "best_epoch")


class Variants(tuple[VariantResults, ...]):
    """Several variants; reads as their labels: `a, b and c`."""

    __slots__ = ()

    def __str__(self) -> str:
        return listed([variant.label for variant in self], most=len(self))

    def _repr_markdown_(self) -> str:
        runs = dict.fromkeys(key for variant in self for key in variant.chosen_by)
        return Words(str(self), runs)._repr_markdown_()


def is_low_better(metric: str) -> bool:
    """Whether less of a metric is better: losses, times, sizes."""
    return metric.endswith(("loss", "seconds")) or metric in LOW_IS_BETTER


def best(shown: Sequence[VariantResults], metric: str) -> VariantResults:
    """The one with the highest mean, or the lowest for losses, times and sizes."""
    _some(shown)
    sign = -1 if is_low_better(metric) else 1
    return _chosen(max(shown, key=lambda variant: sign * variant.mean(metric)), shown)


def front(shown: Sequence[VariantResults], by: str) -> Variants:
    """Those that no other beats in both training time and accuracy, quickest first."""
    if not shown:
        return Variants()
    seconds, accuracy = _means(shown, "train_seconds"), _means(shown, by)
    on_front = np.flatnonzero(pareto_front(seconds, accuracy)).tolist()
    in_order = sorted(on_front, key=lambda i: float(seconds[i]))
    return Variants(_chosen(shown[i], shown) for i in in_order)


def trade_off(shown: Sequence[VariantResults], within: float, by: str) -> VariantResults:
    """The quickest whose mean accuracy is at most `within` points below the best one's."""
    if within < 0:
        raise JournalError(f"within={within:g}: expected points from 0 on, such as 1.0")
    _some(shown)
    seconds, points = _means(shown, "train_seconds"), 100 * _means(shown, by)
    # a hair of room: 91.0 is within 0.5 of 91.5, whatever binary fractions say
    good = np.flatnonzero(points >= points.max() - within - 1e-9).tolist()
    return _chosen(shown[min(good, key=lambda i: (seconds[i], -points[i]))], shown)


def _chosen(variant: VariantResults, among: Sequence[VariantResults]) -> VariantResults:
    return replace(variant, chosen_by=keys_of(among))


def _means(shown: Sequence[VariantResults], metric: str) -> np.ndarray:
    return np.array([variant.mean(metric) for variant in shown])


def _some(shown: Sequence[VariantResults]) -> None:
    if not shown:
        raise MissingResults(
            "all the variants to choose from were skipped, so none is best; `exp.skipped()` says "
            "why"
        )
