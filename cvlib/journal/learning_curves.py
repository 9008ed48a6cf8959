"""Learning curves: the mean over seeds as a line, the range of seeds as a band."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from cvlib.journal.errors import JournalError
from cvlib.journal.estimates import is_share, of_values
from cvlib.journal.figure import LINES, empty_figure, new_figure, styled
from cvlib.journal.handle import of_experiment
from cvlib.journal.lines import band_ends, check_band, draw_line, name_ends
from cvlib.journal.notes import absence_note, marks, stale_note
from cvlib.journal.quantity import keys_of
from cvlib.journal.words import listed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from cvlib.journal.figure import LineStyle, ReportFigure
    from cvlib.journal.results import Name, Results, VariantResults

NAMES = {
    "train_loss": "training loss (log)",
    "val_loss": "val. loss (log)",
    "train_accuracy": "train accuracy (%)",
    "val_accuracy": "val. accuracy (%)",
    "lr": "learning rate",
}

TOGETHER = 5  # lines that one panel holds before they are spread over several
ACROSS = 3


@of_experiment
@styled
def learning_curves(
    results: Results,
    *variants: Name,
    metrics: Sequence[str] = ("train_loss", "val_accuracy"),
    band: str = "range",
) -> ReportFigure:
    """Curves by epoch: line is the mean, band the `range` of the seeds or the 95% `interval`.

    variants: all when none is named; more than five are spread over a panel a factor. Probes
    have no epochs and are left out.

    Example: exp01.learning_curves("base", "depth-2", "depth-4", height=2.3)
    """
    check_band(band)
    chosen = results.chosen(variants or None)
    found = results.shown(chosen)
    shown = [variant for variant in found if variant.has_epochs]
    if not found:
        return empty_figure(chosen)
    if not shown:
        raise JournalError(
            f"{results.experiment.id}: {listed([v.label for v in found])} have no epochs, so no "
            "learning curves; name variants that are trained"
        )
    probes = [variant.label for variant in found if not variant.has_epochs]
    groups = _groups(shown)
    across = len(metrics) if len(groups) == 1 else min(ACROSS, len(groups))
    stacked = 1 if len(groups) == 1 else len(metrics)
    down = stacked * math.ceil(len(groups) * len(metrics) / stacked / across)
    height = 2.2 if down == 1 else 1.06 * down + 0.25
    figure = new_figure(height)
    grid = figure.subplots(down, across, squeeze=False)

    panels: dict[tuple[str, int], Axes] = {}  # by metric and number of the group
    for number, (title, members) in enumerate(groups):
        for index, metric in enumerate(metrics):
            row, column = stacked * (number // across) + index, number % across
            axes = grid[0][index] if len(groups) == 1 else grid[row][column]
            if index == 0:
                axes.set_title(title)
            _panel(axes, members, metric, band)
            panels[metric, number] = axes
    for axes in set(grid.flat) - set(panels.values()):
        axes.remove()
    for metric in metrics:
        same = [axes for (name, _), axes in panels.items() if name == metric]
        _limits(same, [_values(variant, metric).mean(axis=0) for variant in shown], metric)
        for axes in same:
            if axes in grid[:, 0] or len(groups) == 1:
                axes.set_ylabel(NAMES.get(metric, metric.replace("_", " ")))
            else:
                axes.tick_params(labelleft=False)
    lowest = [[axes for axes in column if axes in panels.values()][-1] for column in grid.T]
    for axes in panels.values():
        if axes in lowest:
            axes.set_xlabel("epoch")
        else:
            axes.tick_params(labelbottom=False)
    without = f"without epochs, so not shown: {listed(probes)}" if probes else ""
    figure.say(stale_note(shown), without, absence_note(chosen), runs=keys_of(shown))
    figure.draw_without_rendering()
    mark = marks(shown)
    for (metric, number), axes in panels.items():
        members = groups[number][1]
        means = [_values(variant, metric).mean(axis=0) for variant in members]
        ends = [(float(len(values)), float(values[-1])) for values in means]
        names = [variant.label + mark[variant.id] for variant in members]
        name_ends(axes, names, ends, [_style(members, i).color for i in range(len(members))])
    return figure


def _groups(shown: Sequence[VariantResults]) -> list[tuple[str, list[VariantResults]]]:
    """Panels: all together when they are few, else the reference with each factor's variants."""
    if len(shown) <= TOGETHER:
        return [("", list(shown))]
    common = [v for v in shown if not v.factor][:1]
    factors: dict[str, list[VariantResults]] = {}
    for variant in shown:
        if variant.id not in [v.id for v in common]:
            factors.setdefault(variant.factor, []).append(variant)
    size = len(LINES) - len(common)
    return [
        (factor, common + members[start : start + size])
        for factor, members in factors.items()
        for start in range(0, len(members), size)
    ]


def _style(members: Sequence[VariantResults], index: int) -> LineStyle:
    # black is the reference's own, so that it looks the same in every panel
    has_reference = not members[0].factor
    return LINES[index if has_reference else 1 + index % (len(LINES) - 1)]


def _values(variant: VariantResults, metric: str) -> np.ndarray:
    return variant.history(metric) * (100 if is_share(metric) else 1)


def _panel(axes: Axes, members: Sequence[VariantResults], metric: str, band: str) -> None:
    for index, variant in enumerate(members):
        style = _style(members, index)
        values = _values(variant, metric)
        epochs = range(1, values.shape[1] + 1)
        images = variant.mean("val_images") if metric == "val_accuracy" else None
        ends = [band_ends(one, of_values(one, images), band) for one in values.T]
        means = values.mean(axis=0).tolist()
        line = draw_line(axes, epochs, means, ends if len(values) > 1 else [], style)
        line.set(markersize=3.0, zorder=3 - 0.1 * index, markevery=max(1, len(epochs) // 6))
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5))


def _limits(panels: Sequence[Axes], curves: Sequence[np.ndarray], metric: str) -> None:
    """One range for all panels of a metric, chosen so that the ends of the curves can be compared."""
    if metric.endswith("loss"):
        for axes in panels:
            axes.set_yscale("log")
    low = min(axes.get_ylim()[0] for axes in panels)
    high = max(axes.get_ylim()[1] for axes in panels)
    if is_share(metric):
        # the steep first quarter of the epochs would take most of the height
        lowest = min(float(curve[len(curve) // 4 :].min()) for curve in curves)
        low = max(low, lowest - 0.06 * (high - lowest))
    for axes in panels:
        axes.set_ylim(low, high)
        if metric.endswith("loss"):
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
            axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
            axes.yaxis.set_minor_formatter(NullFormatter())
            axes.tick_params(axis="y", which="minor", length=0)
