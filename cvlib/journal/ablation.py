"""The ablation figure: what each change of the reference does to accuracy and to training time."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from cvlib.journal import numbers
from cvlib.journal.cost import cost
from cvlib.journal.estimates import measured
from cvlib.journal.figure import BLUE, INK, MUTED, VERMILLION, empty_figure, new_figure, styled
from cvlib.journal.handle import of_experiment
from cvlib.journal.notes import absence_note, fixed_note, marks, stale_note
from cvlib.journal.quantity import keys_of
from cvlib.journal.values import quotient

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from cvlib.journal.figure import ReportFigure
    from cvlib.journal.results import Name, Results

ROW = 0.175  # inches
BETWEEN_FACTORS = 0.45  # rows


@of_experiment
@styled
def ablation(results: Results, *variants: Name, reference: Name | None = None) -> ReportFigure:
    """Difference to the reference in points with 95% interval, and training time beside it.

    Example: exp01.ablation("depth-2", "depth-4", "norm-none", "kernel-5")
    """
    base, chosen = results.against(reference, variants or None)
    if base.is_skipped:
        return empty_figure([base])
    base.need()
    shown = results.shown(chosen)
    if not shown:
        return empty_figure(chosen)
    rows = [0.0]
    for before, variant in itertools.pairwise(shown):
        rows.append(rows[-1] + (1 + BETWEEN_FACTORS * (before.factor != variant.factor)))
    factors: dict[str, float] = {}  # the first row of each
    for variant, row in zip(shown, rows, strict=True):
        factors.setdefault(variant.factor, row)
    bottom = max(rows) + 0.8
    figure = new_figure(ROW * (bottom + 0.8) + 0.55)
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(2.3, 1))
    left.axvline(0, color=INK, linewidth=0.8, zorder=1)
    for variant, row in zip(shown, rows, strict=True):
        mean, interval, *_ = measured([variant, base])
        # filled: the interval leaves zero out; the fill is what a grey print shows
        apart = interval is not None and (interval.low > 0 or interval.high < 0)
        color = MUTED if not apart else BLUE if mean > 0 else VERMILLION
        if interval is not None:
            left.plot([interval.low, interval.high], [row, row], color=color, linewidth=1.3)
        (point,) = left.plot(mean, row, marker="o", color=color, markersize=4.6, zorder=4)
        point.set_markerfacecolor(color if apart else "white")
    left.margins(x=0.06)
    left.xaxis.set_major_locator(MaxNLocator(7))
    left.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: numbers.signed(value, 0 if float(value).is_integer() else 1))
    )
    left.set_xlabel(f"difference in test accuracy to {base.label} (points)")
    every = [base, *shown]
    found = cost(every)
    _times(right, [quotient(variant, base, found.metric) or np.nan for variant in shown], rows)

    left.set_ylim(bottom, -0.8)
    mark = marks(every)
    left.set_yticks(rows, [variant.label + mark[variant.id] for variant in shown])
    for axes in (left, right):
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="y", visible=False)
        axes.spines["left"].set_visible(False)
        for row in rows:
            axes.axhline(row, color="#ededed", linewidth=0.5, zorder=0)
    figure.draw_without_rendering()
    # their names stand left of the variants' names, once a group
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    widths = [label.get_window_extent(renderer).width for label in left.get_yticklabels()]
    place: dict[str, Any] = {
        "xycoords": ("axes fraction", "data"),
        "xytext": (-(max(widths) * 72 / figure.dpi + 14), 0),
        "textcoords": "offset points",
    }
    place |= {"annotation_clip": False, "ha": "right", "va": "center"}
    for name, first in factors.items():
        if name:
            left.annotate(name, (0, first), **place, fontsize=8, fontweight="bold")
    notes = (found.note, fixed_note(every), stale_note(every), absence_note(chosen))
    figure.say(*notes, runs=keys_of(every))
    return figure


def _times(axes: Axes, ratios: Sequence[float], rows: Sequence[float]) -> None:
    axes.axvline(1, color=INK, linewidth=0.8, zorder=1)
    axes.hlines(rows, 1, ratios, color=MUTED, linewidth=1.3)
    axes.plot(ratios, rows, linestyle="", marker="|", color=INK, markersize=6, markeredgewidth=1.3)
    axes.set_xscale("log", base=2)
    low, high = min([*ratios, 0.8]), max([*ratios, 1.25])
    axes.set_xlim(low / (high / low) ** 0.12, high * (high / low) ** 0.34)
    place: dict[str, Any] = {"xytext": (4.5, 0), "textcoords": "offset points", "va": "center"}
    for ratio, row in zip(ratios, rows, strict=True):
        axes.annotate(f"{numbers.ratio(ratio)}×", (max(ratio, 1.0), row), fontsize=7.5, **place)
    ticks = _ratio_ticks(*axes.get_xlim())
    axes.set_xticks(ticks, [f"{tick:g}×" for tick in ticks])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="x", which="minor", length=0)
    axes.set_xlabel("training time (ratio)")


def _ratio_ticks(low: float, high: float) -> list[float]:
    """Powers of two while few of them fit, else 1, 3, 10, 30, … or powers of ten."""
    candidates = (
        [2.0**k for k in range(-3, 4)],
        [digit * 10.0**k for k in range(-4, 5) for digit in (1, 3)],
        [10.0**k for k in range(-4, 5)],
    )
    for ticks in candidates:
        inside = [tick for tick in ticks if low <= tick <= high]
        if len(inside) <= 5 and high / low < 4 * max(ticks) / min(ticks):
            break
    return inside
