"""Is a confidence of 80% right in 80% of cases? Accuracy against confidence, by bins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from cvlib.analysis.calibration import Bin
from cvlib.journal.figure import ReportFigure, new_figure, styled
from cvlib.journal.mistake_notes import rates_note
from cvlib.journal.shares import share_text
from cvlib.journal.staleness import stale_note
from cvlib.journal.style import BLUE, HAIRLINE, MUTED

if TYPE_CHECKING:
    from cvlib.journal.mistakes import Mistakes


@styled
def calibration_figure(found: Mistakes) -> ReportFigure:
    """Draw the reliability diagram (Guo et al., ICML 2017), and below it how many images a bin has."""
    measured = found.calibrated
    bins = [one for one in measured.bins if one.accuracy is not None]
    figure = new_figure(2.6)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3.5, 1))
    _accuracy(above, bins)
    _counts(below, bins)
    left = 100 * bins[0].low - 2
    below.set_xlim(left, 101.5)
    chance = f"{100 * measured.by_chance:.1f}% by chance alone"
    above.set_title(f"ECE {share_text(measured.ece, '%')}, {chance}", fontweight="normal")
    figure.say(
        f"{rates_note(found)}; with 95% intervals over images",
        "dashed: as sure as right",
        stale_note([found.cases.subject.variant]),
        runs=found.cases.subject.variant.keys,
    )
    return figure


def _accuracy(axes: Axes, bins: list[Bin]) -> None:
    confidence = 100 * np.array([one.confidence for one in bins])
    accuracy, low, high = (
        100 * np.array([getattr(one.accuracy, end) for one in bins])
        for end in ("estimate", "low", "high")
    )
    axes.plot([0, 100], [0, 100], color=MUTED, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
    axes.errorbar(
        confidence,
        accuracy,
        # an end may miss the middle by a rounding error
        yerr=np.maximum((accuracy - low, high - accuracy), 0),
        color=BLUE,
        marker="o",
        linewidth=1.0,
        zorder=3,
    )
    axes.set_ylim(max(-2.0, min(low.min(), confidence[0]) - 6), 102)
    axes.set_ylabel("accuracy (%)")


def _counts(axes: Axes, bins: list[Bin]) -> None:
    axes.bar(
        [50 * (one.low + one.high) for one in bins],
        [one.count for one in bins],
        width=[92 * (one.high - one.low) for one in bins],
        color=HAIRLINE,
        edgecolor=MUTED,
        linewidth=0.5,
    )
    axes.set_xlabel("confidence (%)")
    axes.annotate("images", (0.01, 0.95), xycoords="axes fraction", va="top", fontsize=8)
    axes.grid(visible=False)
    axes.locator_params(axis="y", nbins=3)
    axes.yaxis.set_major_formatter("{x:,.0f}")
