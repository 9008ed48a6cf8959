"""Is a confidence of 80% right in 80% of cases? Calibration of one variant: that of each seed, averaged.

Not that of the averaged softmax, which is an ensemble's and better calibrated than any of its
members. Intervals are the mean of the seeds' intervals over images: the seeds saw the same images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from typing import TYPE_CHECKING

import numpy as np

from cvlib.analysis.confidence import Bin, Reliability, reliability
from cvlib.analysis.intervals import Interval, wilson_interval
from cvlib.journal import numbers
from cvlib.journal.errors import JournalError
from cvlib.journal.estimates import share_quantity
from cvlib.journal.figure import BLUE, HAIRLINE, MUTED, empty_figure, new_figure, styled
from cvlib.journal.handle import of_mistakes
from cvlib.journal.mistake_values import mistakes_value
from cvlib.journal.notes import rates_note, stale_note
from cvlib.journal.quantity import Quantity

if TYPE_CHECKING:
    from cvlib.journal.figure import ReportFigure
    from cvlib.journal.mistake_cases import Mistakes, Model

BINS = 15


@of_mistakes
@styled
def calibration(found: Mistakes) -> ReportFigure:
    """Accuracy against confidence, and how many images have which confidence.

    A reliability diagram (Guo et al., ICML 2017).

    Example: found.calibration(width=0.6)
    """
    if found.is_skipped:
        return empty_figure(found.variants[:1])
    measured = found.calibrated
    bins = [one for one in measured.bins if one.accuracy is not None]
    figure = new_figure(2.6)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3.5, 1))
    confidence = 100 * np.array([one.confidence for one in bins])
    accuracy, low, high = 100 * np.array([astuple(one.accuracy) for one in bins if one.accuracy]).T
    above.plot([0, 100], [0, 100], color=MUTED, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
    # an end may miss the middle by a rounding error
    halves = np.maximum((accuracy - low, high - accuracy), 0)
    above.errorbar(confidence, accuracy, halves, color=BLUE, marker="o", linewidth=1.0, zorder=3)
    above.set_ylim(max(-2.0, min(low.min(), confidence[0]) - 6), 102)
    above.set_ylabel("accuracy (%)")
    middles = [50 * (one.low + one.high) for one in bins]
    widths = [92 * (one.high - one.low) for one in bins]
    look = {"color": HAIRLINE, "edgecolor": MUTED, "linewidth": 0.5}
    below.bar(middles, [one.count for one in bins], widths, **look)
    below.set_xlabel("confidence (%)")
    below.annotate("images", (0.01, 0.95), xycoords="axes fraction", va="top", fontsize=8)
    below.grid(visible=False)
    below.locator_params(axis="y", nbins=3)
    below.yaxis.set_major_formatter("{x:,.0f}")
    below.set_xlim(100 * bins[0].low - 2, 101.5)
    chance = f"{100 * measured.by_chance:.1f}% by chance alone"
    above.set_title(f"ECE {numbers.share_text(measured.ece, '%')}, {chance}", fontweight="normal")
    figure.say(
        f"{rates_note(found)}; with 95% intervals over images",
        "dashed: as sure as right",
        stale_note([found.cases.subject.variant]),
        runs=found.cases.subject.variant.keys,
    )
    return figure


@of_mistakes
def ece(found: Mistakes) -> Quantity:
    """`2.1% [1.8, 2.6]`: expected calibration error, mean over seeds.

    Example: found.ece()
    """
    return mistakes_value(found, lambda: share_quantity(found.calibrated.ece, found.is_stale))


@of_mistakes
def gap(found: Mistakes) -> Quantity:
    """`+2.0 [1.6, 2.4] points`: mean confidence minus accuracy; positive: too sure.

    Example: found.gap()
    """

    def points() -> Quantity:
        middle, low, high = (100 * end for end in astuple(found.calibrated.gap))
        text = f"{numbers.difference(middle, low, high)} points"
        return Quantity(text, middle, low, high, found.is_stale)

    return mistakes_value(found, points)


def calibrated(model: Model) -> Reliability:
    """Measure every seed; raises JournalError for fewer than two test images."""
    if len(model.ids) < 2:
        raise JournalError(f"{model.variant.id} has one test image; calibration needs two or more")
    read = [run.predictions() for run in model.variant.runs.values()]
    found = [reliability(one.logits, one.labels, BINS) for one in read]
    return Reliability(
        ece=_mean([one.ece for one in found]),
        by_chance=float(np.mean([one.by_chance for one in found])),
        gap=_mean([one.gap for one in found]),
        bins=tuple(_together(bins) for bins in zip(*(one.bins for one in found), strict=True)),
    )


def _mean(intervals: Sequence[Interval]) -> Interval:
    return Interval(*(float(np.mean(end)) for end in zip(*map(astuple, intervals), strict=True)))


def _together(bins: Sequence[Bin]) -> Bin:
    """One bin of all seeds: its images are the mean of theirs, and so is what its interval counts."""
    images = round(float(np.mean([one.count for one in bins])))
    if not images:
        return Bin(bins[0].low, bins[0].high, float("nan"), None, 0)
    filled = [one for one in bins if one.accuracy is not None]
    weights = [one.count for one in filled]
    confidence, accuracy = (
        float(np.average(values, weights=weights))
        for values in zip(
            *((b.confidence, b.accuracy.estimate) for b in filled if b.accuracy), strict=True
        )
    )
    around = wilson_interval(round(accuracy * images), images)
    # the middle is the mean of the seeds, which need not be a whole number of images
    interval = Interval(accuracy, min(around.low, accuracy), max(around.high, accuracy))
    return Bin(bins[0].low, bins[0].high, confidence, interval, images)
