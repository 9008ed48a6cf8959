"""The ablation figure: what each change of the reference does to accuracy and to training time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from cvlib.journal import numbers
from cvlib.journal.comparison import of_difference
from cvlib.journal.figure import BLUE, INK, MUTED, VERMILLION, empty_figure, new_figure, styled
from cvlib.journal.functions import of_experiment
from cvlib.journal.notes import absence_note, fixed_note, marks, stale_note
from cvlib.journal.quantity import keys_of
from cvlib.journal.values import quotient

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from cvlib.journal.figure import ReportFigure
    from cvlib.journal.results import Name, Results, VariantResults

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
    rows, factors = _rows(shown)
    bottom = max(rows) + 0.8
    figure = new_figure(ROW * (bottom + 0.8) + 0.55)
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(2.3, 1))
    _differences(left, shown, rows, base)
    _times(right, shown, rows, base)

    left.set_ylim(bottom, -0.8)
    mark = marks([base, *shown])
    labels = [v.label + mark[v.id] for v in shown]
    left.set_yticks(rows, labels)
    for axes in (left, right):
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="y", visible=False)
        axes.spines["left"].set_visible(False)
        for row in rows:
            axes.axhline(row, color="#ededed", linewidth=0.5, zorder=0)
    figure.draw_without_rendering()
    _name_factors(left, factors)
    every = [base, *shown]
    figure.say(fixed_note(every), stale_note(every), absence_note(chosen), runs=keys_of(every))
    return figure


def _rows(shown: Sequence[VariantResults]) -> tuple[list[float], list[tuple[str, float, float]]]:
    """Row of each variant, and of each factor its name, first and last row."""
    rows: list[float] = []
    factors: list[tuple[str, float, float]] = []
    for variant in shown:
        same = bool(factors) and factors[-1][0] == variant.factor
        row = rows[-1] + (1 if same else 1 + BETWEEN_FACTORS) if rows else 0.0
        rows.append(row)
        first = factors.pop()[1] if same else row
        factors.append((variant.factor, first, row))
    return rows, factors


def _differences(
    axes: Axes, shown: Sequence[VariantResults], rows: Sequence[float], base: VariantResults
) -> None:
    axes.axvline(0, color=INK, linewidth=0.8, zorder=1)
    for variant, row in zip(shown, rows, strict=True):
        mean, interval, _over = of_difference(variant, base)
        apart = False
        if interval is not None:
            apart = interval.low > 0 or interval.high < 0
            color = _color(mean, apart)
            axes.plot([interval.low, interval.high], [row, row], color=color, linewidth=1.3)
        # filled: the interval leaves zero out; the fill is what a grey print shows
        color = _color(mean, apart)
        face = color if apart else "white"
        axes.plot(
            mean, row, marker="o", color=color, markerfacecolor=face, markersize=4.6, zorder=4
        )
    axes.margins(x=0.06)
    axes.xaxis.set_major_locator(MaxNLocator(7))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: numbers.signed(value, 0 if float(value).is_integer() else 1))
    )
    axes.set_xlabel(f"difference in test accuracy to {base.label} (points)")


def _color(mean: float, apart: bool) -> str:
    if not apart:
        return MUTED
    return BLUE if mean > 0 else VERMILLION


def _times(
    axes: Axes, shown: Sequence[VariantResults], rows: Sequence[float], base: VariantResults
) -> None:
    ratios = [quotient(variant, base, "train_seconds") or np.nan for variant in shown]
    axes.axvline(1, color=INK, linewidth=0.8, zorder=1)
    axes.hlines(rows, 1, ratios, color=MUTED, linewidth=1.3)
    axes.plot(ratios, rows, linestyle="", marker="|", color=INK, markersize=6, markeredgewidth=1.3)
    axes.set_xscale("log", base=2)
    low, high = min([*ratios, 0.8]), max([*ratios, 1.25])
    axes.set_xlim(low / (high / low) ** 0.12, high * (high / low) ** 0.34)
    for ratio, row in zip(ratios, rows, strict=True):
        axes.annotate(
            f"{numbers.ratio(ratio)}×",
            (max(ratio, 1.0), row),
            xytext=(4.5, 0),
            textcoords="offset points",
            va="center",
            fontsize=7.5,
        )
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
            return inside
    return inside


def _name_factors(axes: Axes, factors: Sequence[tuple[str, float, float]]) -> None:
    """Factor names left of the variants' names, once a group, with a rule between groups."""
    renderer = axes.figure.canvas.get_renderer()  # type: ignore[attr-defined]
    widths = [label.get_window_extent(renderer).width for label in axes.get_yticklabels()]
    offset = -(max(widths) * 72 / axes.figure.dpi + 14)
    for name, first, _ in factors:
        if name:
            axes.annotate(
                name,
                (0, first),
                xycoords=("axes fraction", "data"),
                xytext=(offset, 0),
                textcoords="offset points",
                ha="right",
                va="center",
                fontsize=8,
                fontweight="bold",
                annotation_clip=False,
            )
