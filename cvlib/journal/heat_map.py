"""A heat map of two settings, such as schedule × learning rate: the mean in each cell, in figures."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from cvlib.journal import numbers
from cvlib.journal.errors import JournalError
from cvlib.journal.estimates import is_share, measured
from cvlib.journal.figure import BLUE, INK, MUTED, as_map, empty_figure, ink_on, new_figure, styled
from cvlib.journal.handle import of_experiment
from cvlib.journal.notes import stale_note
from cvlib.journal.quantity import keys_of
from cvlib.journal.results import VariantResults
from cvlib.journal.values import best_of, is_low_better
from cvlib.journal.words import Value, has_setting, in_order, key_words, spec_value, value_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from cvlib.journal.figure import ReportFigure
    from cvlib.journal.results import Name, Results

Cells = dict[tuple[Value, Value], VariantResults]
ROW = 0.42  # inches

# white to dark blue: in grey, darker is better
COLORS = LinearSegmentedColormap.from_list("better", ["#ffffff", "#cfe3f1", "#5fa5d0", BLUE])


@of_experiment
@styled
def heat_map(
    results: Results,
    rows: str = "train.schedule",
    columns: str = "train.optimizer.lr",
    metric: str = "test_accuracy",
    variants: Sequence[Name] | None = None,
) -> ReportFigure:
    """The mean of a metric for each pair of two settings, the best by validation outlined.

    rows, columns: keys of a run's spec; variants: those of the map; None: the largest set of
    variants that differ in these two settings only. A cell that diverged, failed or was
    skipped says so.

    Example: exp02.heat_map(height=2.3)
    """
    chosen = _grid_of(results, rows, columns, variants)
    shown = results.shown(chosen)
    if not shown:
        return empty_figure(chosen)
    cells = _cells(chosen, rows, columns)
    down = in_order([row for row, _ in cells])
    across = in_order([column for _, column in cells])
    figure = new_figure(ROW * len(down) + 0.75)
    axes = figure.subplots()
    sign = -1 if is_low_better(metric) else 1
    scale = _scale(sign * np.array([variant.mean(metric) for variant in shown]))
    outlined = best_of(shown, "val_accuracy") if len(shown) > 1 else None
    for y, row in enumerate(down):
        for x, column in enumerate(across):
            variant = cells.get((row, column))
            if variant is None or not variant.runs:
                _empty_cell(axes, x, y, variant)
            else:
                face = COLORS(float(scale(sign * variant.mean(metric))))
                _cell(axes, x, y, variant, metric, face)
    if outlined is not None:
        x = across.index(spec_value(outlined, columns))
        y = down.index(spec_value(outlined, rows))
        frame = Rectangle((x - 0.47, y - 0.44), 0.94, 0.88, fill=False, edgecolor=INK)
        frame.set(linewidth=1.8, zorder=4)
        # seen on the darkest shade too
        frame.set_path_effects([withStroke(linewidth=3.4, foreground="white")])
        axes.add_patch(frame)
    as_map(axes, len(across), len(down))
    axes.set_xticks(range(len(across)), [value_words(columns, one) for one in across])
    labels = [textwrap.fill(value_words(rows, value), 20) for value in down]
    axes.set_yticks(range(len(down)), labels)
    axes.set_xlabel(key_words(columns))
    axes.set_ylabel(key_words(rows))
    words = metric.replace("_", " ") + (" (%)" if is_share(metric) else "")
    spread = any(measured([variant], metric).interval is not None for variant in shown)
    figure.say(
        f"{words}, mean over seeds" + " ± half of its 95% interval" * spread,
        "outlined: best validation accuracy" if outlined is not None else "",
        "hatched: no result" if len(shown) < len(chosen) else "",
        stale_note(shown),
        runs=keys_of(shown),
    )
    return figure


def _grid_of(
    results: Results, rows: str, columns: str, names: Sequence[Name] | None
) -> list[VariantResults]:
    """The named variants, or the largest set of variants that differ in the two settings only."""
    if rows == columns:
        raise JournalError(f"rows and columns are both {rows!r}; name two settings")
    if names is not None:
        return results.chosen(names)
    alike: dict[str, list[VariantResults]] = {}
    for variant in results.variants:
        if has_setting(variant, rows) and has_setting(variant, columns):
            alike.setdefault(_rest(variant, rows, columns), []).append(variant)
    found = max(alike.values(), key=len, default=[])
    if len(found) < 2:
        raise JournalError(
            f"{results.experiment.id}: no two variants differ in {rows} and {columns} alone; name "
            "the variants of the map: variants=[…]"
        )
    return found


def _rest(variant: VariantResults, *keys: str) -> str:
    """All that the spec says besides these settings, for comparing."""
    spec = variant.variant.spec.model_dump(mode="json")
    for key in keys:
        *path, last = key.split(".")
        inner = spec
        for part in path[:-1]:
            inner = inner[part]
        if last in ("name", "kind") and path and path[-1] in inner:
            # another schedule has other options: they go with its name
            inner[path[-1]] = {k: v for k, v in inner[path[-1]].items() if k in ("lr",)}
        else:
            (inner.get(path[-1], {}) if path else spec).pop(last, None)
    return repr(spec)


def _cells(chosen: Sequence[VariantResults], rows: str, columns: str) -> Cells:
    cells: Cells = {}
    for variant in chosen:
        place = spec_value(variant, rows), spec_value(variant, columns)
        if place in cells:
            raise JournalError(
                f"{variant.experiment}: {cells[place].name!r} and {variant.name!r} both have "
                f"{key_words(rows)} {value_words(rows, place[0])} and {key_words(columns)} "
                f"{value_words(columns, place[1])}; name the variants of the map, variants=[…], or a "
                "setting that tells them apart"
            )
        cells[place] = variant
    return cells


def _scale(scores: np.ndarray) -> Normalize:
    """Colours from poor to best. A cell far below the rest (it hardly learned) takes no range away."""
    floor = max(scores.min(), scores.max() - 3 * (scores.max() - np.median(scores)))
    if scores.max() - floor < 1e-12:
        floor = scores.max() - 1
    return Normalize(floor, scores.max(), clip=True)


def _empty_cell(axes: Axes, x: int, y: int, variant: VariantResults | None) -> None:
    blank = Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor="#f4f4f4", linewidth=0)
    axes.add_patch(blank)
    why = numbers.NO_VALUE
    if variant is not None:
        blank.set(hatch="////", edgecolor="#c8c8c8")
        why = variant.state_words
        reasons = [status.reason for status in variant.statuses]
        if why == "failed" and all("nan" in reason or "finite" in reason for reason in reasons):
            why = "diverged"
    text = axes.text(x, y, why, ha="center", va="center", fontsize=8, color=MUTED)
    text.set(style="italic", bbox={"facecolor": "#f4f4f4", "edgecolor": "none", "pad": 1.5})


def _cell(
    axes: Axes, x: int, y: int, variant: VariantResults, metric: str, face: tuple[float, ...]
) -> None:
    mean, interval, *_ = measured([variant], metric)
    axes.add_patch(
        Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=face, edgecolor="white", linewidth=1)
    )
    ink = ink_on(face)
    half = interval.half_width if interval is not None else 0.0
    decimals = (
        numbers.point_decimals(half or None)
        if is_share(metric)
        else numbers.decimals_for(half, most=4)
    )
    is_rounded = interval is not None or is_share(metric)
    number = numbers.fixed(mean, decimals) if is_rounded else numbers.two_digits(mean)
    note = f"± {numbers.half_width_text(half, decimals)}" if interval is not None else ""
    if not variant.is_complete:
        note += f" ({len(variant.runs)} of {len(variant.statuses)})"
    axes.text(x, y - 0.17 * bool(note), number, ha="center", va="center", fontsize=9, color=ink)
    axes.text(x, y + 0.23, note.strip(), ha="center", va="center", fontsize=7.5, color=ink)
