"""A share of images with its interval, as tables and sentences write it."""

from __future__ import annotations

import numpy as np

from cvlib.analysis.intervals import Interval, wilson_interval
from cvlib.analysis.paired import paired_bootstrap
from cvlib.journal import numbers
from cvlib.journal.quantity import Quantity


def share_text(share: Interval, unit: str = "", most: int = 2) -> str:
    """`12.1 [10.2, 14.3]`, in percent; with a unit `12.1% [10.2, 14.3]`. most: decimals."""
    middle, low, high = 100 * share.estimate, 100 * share.low, 100 * share.high
    decimals = numbers.decimals_for((high - low) / 2, most)
    ends = ", ".join(numbers.fixed(end, decimals) for end in (low, high))
    return f"{numbers.fixed(middle, decimals)}{unit} [{ends}]"


def count_text(number: float) -> str:
    """`121`; `0.67` and `4.3` of a mean over seeds that is no whole number."""
    whole = abs(number - round(number)) < 1e-9
    return f"{number:,.0f}" if whole else numbers.two_digits(number)


def share_quantity(share: Interval, stale: bool = False) -> Quantity:
    """`12.1% [10.2, 14.3]`; its value is in percent."""
    values = (100 * share.estimate, 100 * share.low, 100 * share.high)
    return Quantity(share_text(share, "%"), *values, stale=stale)


def counted_share(part: float, whole: int, noun: str, stale: bool = False) -> Quantity:
    """`37 of 2,000 images (1.9% [1.3, 2.5])` with Wilson's interval; its value is the count."""
    text = f"{count_text(part)} of {whole:,} {noun}{'s' * (whole != 1)}"
    if not whole:
        return Quantity(text, float(part), stale=stale)
    share = wilson_interval(round(part), whole)
    return Quantity(f"{text} ({share_text(share, '%')})", float(part), stale=stale)


def over_images(values: np.ndarray) -> Interval:
    """Mean of (N,) shares of seeds, one an image, with its 95% bootstrap interval over images.

    Where all images are alike the bootstrap has nothing to draw; Wilson's interval stands there.
    """
    if np.ptp(values) == 0 and float(values[0]) in (0.0, 1.0):
        return wilson_interval(round(float(values.sum())), len(values))
    return paired_bootstrap(values, seed=0)
