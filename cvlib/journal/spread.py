"""A mean with its interval: over seeds, or over images where nothing else is random.

A linear probe of fixed pretrained features has no random part: every seed gives the same result,
and `± 0.00` would say of other seeds what is known of none. Such a value stands without an
interval, which notes say, unless the run kept one over the images, the one thing that was drawn.
The difference of two such variants gets a bootstrap interval over the test images.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from cvlib.analysis.intervals import Interval, t_interval, wilson_interval
from cvlib.analysis.paired import paired_bootstrap
from cvlib.journal import numbers
from cvlib.journal.errors import JournalError
from cvlib.journal.quantity import Quantity

if TYPE_CHECKING:
    from cvlib.journal.results import VariantResults


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


def share_quantity(share: Interval, stale: bool = False) -> Quantity:
    """`12.1% [10.2, 14.3]`; its value is in percent."""
    values = (100 * share.estimate, 100 * share.low, 100 * share.high)
    return Quantity(numbers.share_text(share, "%"), *values, stale=stale)


def counted_share(part: float, whole: int, noun: str, stale: bool = False) -> Quantity:
    """`37 of 2,000 images (1.9% [1.3, 2.5])` with Wilson's interval; its value is the count."""
    text = f"{numbers.count_text(part)} of {whole:,} {noun}{'s' * (whole != 1)}"
    if not whole:
        return Quantity(text, float(part), stale=stale)
    share = wilson_interval(round(part), whole)
    return Quantity(f"{text} ({numbers.share_text(share, '%')})", float(part), stale=stale)


def over_images(values: np.ndarray) -> Interval:
    """Mean of (N,) shares of seeds, one an image, with its 95% bootstrap interval over images.

    Where all images are alike the bootstrap has nothing to draw; Wilson's interval stands there.
    """
    if np.ptp(values) == 0 and float(values[0]) in (0.0, 1.0):
        return wilson_interval(round(float(values.sum())), len(values))
    return paired_bootstrap(values, seed=0)
