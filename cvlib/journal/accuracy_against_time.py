"""Accuracy against training time, with the Pareto front: what more time buys."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from cvlib.analysis.efficiency import pareto_front
from cvlib.journal import numbers
from cvlib.journal.cost import cost
from cvlib.journal.errors import JournalError
from cvlib.journal.estimates import measured
from cvlib.journal.figure import BLUE, MUTED, empty_figure, new_figure, styled
from cvlib.journal.handle import of_experiment
from cvlib.journal.notes import absence_note, fixed_note, marks, stale_note
from cvlib.journal.quantity import keys_of
from cvlib.journal.words import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from cvlib.journal.figure import ReportFigure
    from cvlib.journal.results import Name, Results, VariantResults

Box = tuple[float, float, float, float]  # left, bottom, right, top


@of_experiment
@styled
def accuracy_against_time(results: Results, *variants: Name) -> ReportFigure:
    """Test accuracy against training seconds, with intervals and the Pareto front.

    Example: exp01.accuracy_against_time(height=2.4)
    """
    chosen = results.chosen(variants or None)
    shown = results.shown(chosen)
    if not shown:
        return empty_figure(chosen)
    found = cost(shown)
    # zero-shot trains nothing, which no logarithmic axis holds
    at_once = [variant.label for variant in shown if variant.mean(found.metric) <= 0]
    shown = [variant for variant in shown if variant.mean(found.metric) > 0]
    if not shown:
        raise JournalError(f"{results.experiment.id}: {listed(at_once)} took no training time")
    seconds, accuracy = _means(shown, found.metric, 1), _means(shown, "test_accuracy", 100)
    front = pareto_front(seconds[:, 0], accuracy[:, 0])
    figure = new_figure(3.0)
    axes = figure.subplots()
    axes.set_xscale("log")
    order = np.flatnonzero(front)[np.argsort(seconds[front, 0])]
    # steps: between two points of the front one gets what the quicker of them gives
    (steps,) = axes.step(seconds[order, 0], accuracy[order, 0], where="post", color=BLUE)
    steps.set(linewidth=0.8, linestyle="--", zorder=2)
    for leads, (x, x_half), (y, y_half) in zip(front, seconds, accuracy, strict=True):
        color = BLUE if leads else MUTED
        x_bar, y_bar = (None if np.isnan(half) else half for half in (x_half, y_half))
        axes.errorbar(x, y, y_bar, x_bar, fmt="none", ecolor=color, elinewidth=0.7, zorder=2)
        (point,) = axes.plot(x, y, color=color, marker="s", markersize=4, zorder=4)
        point.set_markerfacecolor("white")
        if leads:
            point.set(marker="o", markersize=5, markerfacecolor=color, zorder=5)
    _limits(axes, seconds, accuracy)
    axes.set_xlabel(f"training time ({found.unit}, logarithmic)")
    axes.set_ylabel("test accuracy (%)")
    without = f"no training time, so not shown: {listed(at_once)}" if at_once else ""
    notes = (
        fixed_note(shown),
        without,
        stale_note(shown),
        absence_note(chosen),
    )
    figure.say(*notes, runs=keys_of(shown))
    figure.draw_without_rendering()
    mark = marks(shown)
    names = [variant.label + mark[variant.id] for variant in shown]
    _name_points(axes, names, seconds, accuracy, front)
    return figure


def _means(shown: Sequence[VariantResults], metric: str, scale: float) -> np.ndarray:
    """(N, 2): mean and half width of each variant, NaN where there is no interval."""
    found = (measured([variant], metric) for variant in shown)
    return np.array(
        [(one.mean, one.interval.half_width if one.interval else np.nan) for one in found]
    )


def _limits(axes: Axes, seconds: np.ndarray, accuracy: np.ndarray) -> None:
    halves = np.nan_to_num(accuracy[:, 1])
    low, high = (accuracy[:, 0] - halves).min(), (accuracy[:, 0] + halves).max()
    room = max(0.1, high - low)
    # two seeds can have an interval ten times as wide as all points lie apart
    apart = max(0.5, float(np.ptp(accuracy[:, 0])))
    axes.set_ylim(
        max(low - 0.08 * room, accuracy[:, 0].min() - 0.8 * apart),
        min(high + 0.08 * room, accuracy[:, 0].max() + 0.8 * apart, 100.5),
    )
    first, last = seconds[:, 0].min(), seconds[:, 0].max()
    wide = max(1.3, last / first)
    axes.set_xlim(first / wide**0.08, last * wide**0.16)
    # leading digits of the ticks, as many as have room
    if wide < 15:
        digits: tuple[float, ...] = (1, 1.5, 2, 3, 4, 5, 7)
    else:
        digits = (1, 2, 5) if wide < 500 else (1,) if wide > 5e4 else (1, 3)
    axes.xaxis.set_major_locator(LogLocator(subs=digits))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: numbers.two_digits(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_locator(MaxNLocator(6))


def _name_points(
    axes: Axes,
    names: Sequence[str],
    seconds: np.ndarray,
    accuracy: np.ndarray,
    front: np.ndarray,
) -> None:
    renderer = axes.figure.canvas.get_renderer()  # type: ignore[attr-defined]
    data = np.column_stack([seconds[:, 0], accuracy[:, 0]])
    points = axes.transData.transform(data)
    # keeps letters readable where a thin bar passes behind them
    ground = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.4}
    fixed: dict[str, Any] = {"fontsize": 7.5, "annotation_clip": False, "bbox": ground, "zorder": 3}
    looks = [("bold", BLUE) if leads else ("normal", "#333333") for leads in front]
    texts = [
        axes.annotate(name, (at[0], at[1]), fontweight=weight, color=color, **fixed)
        for name, at, (weight, color) in zip(names, data, looks, strict=True)
    ]
    extents = [text.get_window_extent(renderer) for text in texts]
    scale = axes.figure.dpi / 72
    # labels that stand side by side need a gap between them to read as two
    gap = scale * np.array([3.0, 0.5])
    sizes = np.array([(extent.width, extent.height) for extent in extents])
    inside = axes.get_window_extent(renderer).extents
    obstacles = [*_bars(axes, seconds, accuracy), *_steps(points[front])]
    corners = place_labels(points, sizes + 2 * gap, obstacles, inside, near=4.5 * scale) + gap
    for text, point, corner, size in zip(texts, points, corners, sizes, strict=True):
        text.set_position(tuple((corner - point) / scale))
        text.set(ha="left", va="bottom")
        text.anncoords = "offset points"
        nearest = np.clip(point, corner, corner + size)
        if np.hypot(*(nearest - point)) > 9 * scale:  # it stands off: a thin line leads to it
            (x0, y0), (x1, y1) = axes.transData.inverted().transform([point, nearest])
            leader = axes.plot([x0, x1], [y0, y1], scalex=False, scaley=False)[0]
            leader.set(color=MUTED, linewidth=0.4, zorder=2)


def _bars(axes: Axes, seconds: np.ndarray, accuracy: np.ndarray) -> list[Box]:
    """The error bars as thin boxes in pixels."""
    boxes: list[Box] = []
    for (x, dx), (y, dy) in zip(seconds, accuracy, strict=True):
        for half_x, half_y in ((np.nan_to_num(dx), 0.0), (0.0, np.nan_to_num(dy))):
            ends = [(max(x - half_x, x / 100), y - half_y), (x + half_x, y + half_y)]
            (x0, y0), (x1, y1) = axes.transData.transform(ends)
            boxes.append((x0 - 1, y0 - 1, x1 + 1, y1 + 1))
    return boxes


def _steps(points: np.ndarray) -> list[Box]:
    """The line of the front as thin boxes in pixels."""
    points = points[np.argsort(points[:, 0])]
    boxes: list[Box] = []
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        boxes += [(x0, y0 - 1, x1, y0 + 1), (x1 - 1, y0, x1 + 1, y1)]
    return boxes


def place_labels(
    points: np.ndarray, sizes: np.ndarray, obstacles: Sequence[Box], frame: Box, near: float
) -> np.ndarray:
    """Lower left corners (N, 2) of labels beside their points, all in pixels.

    points: (N, 2); sizes: (N, 2) widths and heights; obstacles: boxes that labels should not
    cover; frame: box to stay in; near: distance of a label that has room. Each label tries 80
    places around its point; labels are placed in turn, several times over, each where it costs
    least.
    """
    rings = near * np.repeat([1, 2.2, 3.6, 5.2, 7], 16)
    angles = math.tau * np.tile(np.arange(16), 5) / 16
    towards = np.column_stack([np.cos(angles), np.sin(angles)])
    # right and close is best
    unwelcome = 60 * np.repeat(np.arange(5), 16) + (1 - towards) @ (6, 3)
    # the label's nearest side, not its middle, is at that distance
    outwards = rings[:, None] * towards + (towards - 1) / 2 * sizes[:, None]
    corners = points[:, None] + outwards
    boxes = np.concatenate([corners, corners + sizes[:, None]], axis=2)
    dots = np.hstack([points - near / 2, points + near / 2])
    beyond = np.maximum(frame[:2] - boxes[..., :2], 0) + np.maximum(boxes[..., 2:] - frame[2:], 0)
    hits = _shared(boxes, np.reshape(obstacles, (-1, 4))) + 4 * _shared(boxes, dots)
    costs = unwelcome + 4 * hits + 300 * beyond.sum(axis=2)
    every = np.arange(len(points))
    chosen = costs.argmin(axis=1)
    for _ in range(12):
        before = chosen.copy()
        # those with the worst place choose first
        for index in np.argsort(-costs[every, chosen], kind="stable"):
            taken = boxes[every, chosen][every != index]
            chosen[index] = (costs[index] + 8 * _shared(boxes[index], taken)).argmin()
        if (chosen == before).all():
            break
    return corners[every, chosen]


def _shared(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Area in square pixels that each box (…, 4) shares with all others (M, 4) together, (…)."""
    boxes = boxes[..., None, :]
    sides = np.minimum(boxes[..., 2:], others[:, 2:]) - np.maximum(boxes[..., :2], others[:, :2])
    return np.prod(np.maximum(sides, 0), axis=-1).sum(axis=-1)
