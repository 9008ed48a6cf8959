"""Calibration of one variant: that of each seed, averaged.

Not that of the averaged softmax, which is an ensemble's and better calibrated than any of its
members. Intervals are the mean of the seeds' intervals over images: the seeds saw the same images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cvlib.analysis.calibration import Bin, reliability
from cvlib.analysis.intervals import Interval, wilson_interval
from cvlib.journal import numbers
from cvlib.journal.errors import JournalError
from cvlib.journal.mistake_cases import Model
from cvlib.journal.quantity import Quantity

BINS = 15


@dataclass(frozen=True)
class Calibrated:
    """Shares, means over seeds. gap: confidence minus accuracy; by_chance: ECE if calibrated."""

    ece: Interval
    gap: Interval
    by_chance: float
    bins: tuple[Bin, ...]


def calibrated(model: Model) -> Calibrated:
    """Measure every seed; raises JournalError for fewer than two test images."""
    if len(model.ids) < 2:
        raise JournalError(f"{model.variant.id} has one test image; calibration needs two or more")
    found = []
    for run in model.variant.runs.values():
        read = run.predictions()
        found.append(reliability(read.logits, read.labels, BINS))
    return Calibrated(
        _mean([one.ece for one in found]),
        _mean([one.gap for one in found]),
        float(np.mean([one.by_chance for one in found])),
        tuple(_together([one.bins[place] for one in found]) for place in range(BINS)),
    )


def gap_quantity(measured: Calibrated, stale: bool) -> Quantity:
    """`+2.0 [1.6, 2.4] points`."""
    middle, low, high = (
        100 * v for v in (measured.gap.estimate, measured.gap.low, measured.gap.high)
    )
    text = f"{numbers.difference(middle, low, high)} points"
    return Quantity(text, middle, low, high, stale)


def _mean(intervals: Sequence[Interval]) -> Interval:
    return Interval(
        *(
            float(np.mean([getattr(i, end) for i in intervals]))
            for end in ("estimate", "low", "high")
        )
    )


def _together(bins: Sequence[Bin]) -> Bin:
    """One bin of all seeds: its images are the mean of theirs, and so is what its interval counts."""
    counts = np.array([one.count for one in bins])
    images = round(float(counts.mean()))
    if not images:
        return Bin(bins[0].low, bins[0].high, float("nan"), None, 0)
    filled = [one for one in bins if one.accuracy is not None]
    weights = [one.count for one in filled]
    confidence = float(np.average([one.confidence for one in filled], weights=weights))
    accuracy = float(
        np.average([one.accuracy.estimate for one in filled if one.accuracy], weights=weights)
    )
    around = wilson_interval(round(accuracy * images), images)
    # the middle is the mean of the seeds, which need not be a whole number of images
    interval = Interval(accuracy, min(around.low, accuracy), max(around.high, accuracy))
    return Bin(bins[0].low, bins[0].high, confidence, interval, images)
