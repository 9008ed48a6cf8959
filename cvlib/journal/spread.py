"""How far a variant's seeds lie apart, and what stands in its place where nothing is random.

A linear probe of fixed pretrained features has no random part: every seed gives the same result,
and `± 0.00` would say of other seeds what is known of none. Such a value stands without an
interval, which notes say, unless the run kept one over the images, the one thing that was drawn.
The difference of two such variants gets a bootstrap interval over the test images.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cvlib.analysis.intervals import Interval, t_interval
from cvlib.journal.comparison import compare
from cvlib.journal.errors import JournalError
from cvlib.journal.variant_results import VariantResults, shared_seeds

NO_RANDOM_PART = "no random part, the same for every seed"


class Spread(NamedTuple):
    """A mean with its interval, None where there is none; over: `seeds`, `images` or ''."""

    mean: float
    interval: Interval | None
    over: str = ""


def of_values(values: np.ndarray) -> Spread:
    """Mean of (n,) values and its 95% t-interval; none of one value, or where all are the same."""
    # differences that are equal may lie a rounding error apart
    if len(values) == 1 or np.ptp(values) <= 1e-12 * np.abs(values).max():
        return Spread(float(values.mean()), None)
    interval = t_interval(values)
    return Spread(interval.estimate, interval, "seeds")


def over_seeds(variant: VariantResults, metric: str, scale: float = 1.0) -> Spread:
    """Mean of a metric and its 95% t-interval over seeds.

    Where there is one seed, or nothing is random: the interval over images that the run kept as
    `<metric>_half_width`, if it did.
    """
    runs = variant.need().runs
    kept = f"{metric}_half_width"
    has_kept = all(kept in run.metrics for run in runs.values())
    if has_kept and (len(runs) == 1 or variant.is_deterministic):
        mean, half = scale * variant.mean(metric), scale * variant.mean(kept)
        return Spread(mean, Interval(mean, mean - half, mean + half), "images")
    return of_values(scale * variant.values(metric))


def of_difference(
    first: VariantResults, second: VariantResults, metric: str = "test_accuracy"
) -> Spread:
    """Accuracy of `first` minus `second` in points, paired by seed, with its 95% interval."""
    values = paired_points(first, second, metric)
    mean = float(values.mean())
    if first.is_deterministic and second.is_deterministic and np.ptp(values) == 0:
        if metric != "test_accuracy":
            return Spread(mean, None)
        found = compare([(first, second)])[0].difference
        assert found.low is not None and found.high is not None
        return Spread(mean, Interval(mean, found.low, found.high), "images")
    return of_values(values)


def paired_points(
    first: VariantResults, second: VariantResults, metric: str = "test_accuracy"
) -> np.ndarray:
    """Differences in points (S,), one for each seed that both have."""
    only_shares(metric)
    return np.array(
        [
            100 * (first.value(metric, seed) - second.value(metric, seed))
            for seed in shared_seeds(first, second)
        ]
    )


def is_share(metric: str) -> bool:
    """Whether a metric is an accuracy, said in percent."""
    return metric.endswith("_accuracy") or metric == "knn_purity"


def only_shares(metric: str) -> None:
    """Raises JournalError for a metric that has no points."""
    if not is_share(metric):
        raise JournalError(
            f"points are differences of accuracies (test_accuracy, val_accuracy, …), not of "
            f"{metric!r}; use ratio"
        )
