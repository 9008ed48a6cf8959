"""Accuracy against training time, with the Pareto front: what more time buys."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from cvlib.analysis.efficiency import pareto_front
from cvlib.journal import numbers
from cvlib.journal.errors import JournalError
from cvlib.journal.figure import BLUE, MUTED, empty_figure, new_figure, styled
from cvlib.journal.functions import of_experiment
from cvlib.journal.notes import absence_note, fixed_note, marks, stale_note
from cvlib.journal.quantity import keys_of
from cvlib.journal.spread import over_seeds
from cvlib.journal.words import listed

if TYPE_CHECKING:
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
    # zero-shot trains nothing, which no logarithmic axis holds
    at_once = [variant.label for variant in shown if variant.mean("train_seconds") <= 0]
    shown = [variant for variant in shown if variant.mean("train_seconds") > 0]
    if not shown:
        raise JournalError(f"{results.experiment.id}: {listed(at_once)} took no training time")
    seconds, accuracy = _means(shown, "train_seconds", 1), _means(shown, "test_accuracy", 100)
    front = pareto_front(seconds[:, 0], accuracy[:, 0])
    figure = new_figure(3.0)
    axes = figure.subplots()
    axes.set_xscale("log")
    _draw_front(axes, seconds[front, 0], accuracy[front, 0])
    for index in range(len(shown)):
        color = BLUE if front[index] else MUTED
        axes.errorbar(
            seconds[index, 0],
            accuracy[index, 0],
            xerr=None if np.isnan(seconds[index, 1]) else seconds[index, 1],
            yerr=None if np.isnan(accuracy[index, 1]) else accuracy[index, 1],
            fmt="none",
            ecolor=color,
            elinewidth=0.7,
            zorder=2,
        )
        axes.plot(
            seconds[index, 0],
            accuracy[index, 0],
            color=color,
            marker="o" if front[index] else "s",
            markersize=5 if front[index] else 4,
            markerfacecolor=color if front[index] else "white",
            zorder=5 if front[index] else 4,
        )
    _limits(axes, seconds, accuracy)
    axes.set_xlabel("training time (seconds, logarithmic)")
    axes.set_ylabel("test accuracy (%)")
    without = f"no training time, so not shown: {listed(at_once)}" if at_once else ""
    figure.say(
        fixed_note(shown), without, stale_note(shown), absence_note(chosen), runs=keys_of(shown)
    )
    figure.draw_without_rendering()
    _name_points(axes, shown, seconds, accuracy, front)
    return figure


def _means(shown: Sequence[VariantResults], metric: str, scale: float) -> np.ndarray:
    """(N, 2): mean and half width of each variant, NaN where there is no interval."""
    rows = []
    for variant in shown:
        mean, interval, _over = over_seeds(variant, metric, scale)
        rows.append((mean, np.nan if interval is None else interval.half_width))
    return np.array(rows)


def _draw_front(axes: Axes, seconds: np.ndarray, accuracy: np.ndarray) -> None:
    order = np.argsort(seconds)
    # steps: between two points of the front one gets what the quicker of them gives
    axes.step(
        seconds[order],
        accuracy[order],
        where="post",
        color=BLUE,
        linewidth=0.8,
        linestyle="--",
        zorder=2,
    )


def _limits(axes: Axes, seconds: np.ndarray, accuracy: np.ndarray) -> None:
    halves = np.nan_to_num(accuracy[:, 1])
    low, high = (accuracy[:, 0] - halves).min(), (accuracy[:, 0] + halves).max()
    room = max(0.1, high - low)
    low, high = low - 0.08 * room, high + 0.08 * room
    # two seeds can have an interval ten times as wide as all points lie apart
    apart = max(0.5, float(np.ptp(accuracy[:, 0])))
    low = max(low, accuracy[:, 0].min() - 0.8 * apart)
    axes.set_ylim(low, min(high, accuracy[:, 0].max() + 0.8 * apart, 100.5))
    first, last = seconds[:, 0].min(), seconds[:, 0].max()
    wide = max(1.3, last / first)
    axes.set_xlim(first / wide**0.08, last * wide**0.16)
    axes.xaxis.set_major_locator(LogLocator(subs=_digits(wide)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: numbers.two_digits(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_locator(MaxNLocator(6))


def _digits(wide: float) -> tuple[float, ...]:
    """Leading digits of the ticks, as many as have room when the axis spans a factor of `wide`."""
    if wide < 15:
        return (1, 1.5, 2, 3, 4, 5, 7)
    return (1, 2, 5) if wide < 500 else (1,) if wide > 5e4 else (1, 3)


def _name_points(
    axes: Axes,
    shown: Sequence[VariantResults],
    seconds: np.ndarray,
    accuracy: np.ndarray,
    front: np.ndarray,
) -> None:
    renderer = axes.figure.canvas.get_renderer()  # type: ignore[attr-defined]
    points = axes.transData.transform(np.column_stack([seconds[:, 0], accuracy[:, 0]]))
    mark = marks(shown)
    # keeps letters readable where a thin bar passes behind them
    ground = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.4}
    texts = [
        axes.annotate(
            variant.label + mark[variant.id],
            (float(seconds[index, 0]), float(accuracy[index, 0])),
            fontsize=7.5,
            fontweight="bold" if front[index] else "normal",
            color=BLUE if front[index] else "#333333",
            annotation_clip=False,
            bbox=ground,
            zorder=3,
        )
        for index, variant in enumerate(shown)
    ]
    extents = [text.get_window_extent(renderer) for text in texts]
    scale = axes.figure.dpi / 72
    # labels that stand side by side need a gap between them to read as two
    gap = scale * np.array([3.0, 0.5])
    sizes = np.array([(extent.width, extent.height) for extent in extents]) + 2 * gap
    inside = axes.get_window_extent(renderer)
    frame = (inside.x0, inside.y0, inside.x1, inside.y1)
    obstacles = _bars(axes, seconds, accuracy) + _steps(points[front])
    corners = place_labels(points, sizes, obstacles, frame, near=4.5 * scale)
    corners, sizes = corners + gap, sizes - 2 * gap
    for index, (text, corner) in enumerate(zip(texts, corners, strict=True)):
        text.set_position(tuple((corner - points[index]) / scale))
        text.set(ha="left", va="bottom")
        text.anncoords = "offset points"
        middle = corner + sizes[index] / 2
        reach = np.maximum(np.abs(middle - points[index]) - sizes[index] / 2, 0)
        if np.hypot(*reach) > 9 * scale:
            _leader(axes, points[index], corner, sizes[index])


def _leader(axes: Axes, point: np.ndarray, corner: np.ndarray, size: np.ndarray) -> None:
    """A thin line from a point to the nearest edge of its label, for labels that stand off."""
    target = np.clip(point, corner, corner + size)
    (x0, y0), (x1, y1) = axes.transData.inverted().transform([point, target])
    axes.plot([x0, x1], [y0, y1], color=MUTED, linewidth=0.4, zorder=2, scalex=False, scaley=False)


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
        boxes.append((x0, y0 - 1, x1, y0 + 1))
        boxes.append((x1 - 1, y0, x1 + 1, y1))
    return boxes


def place_labels(
    points: np.ndarray,
    sizes: np.ndarray,
    obstacles: Sequence[Box],
    frame: Box,
    near: float,
) -> np.ndarray:
    """Lower left corners (N, 2) of labels beside their points, all in pixels.

    points: (N, 2); sizes: (N, 2) widths and heights; obstacles: boxes that labels should not
    cover; frame: box to stay in; near: distance of a label that has room. Each label tries places
    around its point; labels are placed in turn, several times over, each where it costs least.
    """
    options = [_options(point, size, near) for point, size in zip(points, sizes, strict=True)]
    dots = [(x - near / 2, y - near / 2, x + near / 2, y + near / 2) for x, y in points]
    fixed = []
    for index, corners in enumerate(options):
        costs = []
        for corner, liking in corners:
            box = _box(corner, sizes[index])
            hits = sum(_overlap(box, other) for other in obstacles)
            hits += 4 * sum(_overlap(box, other) for other in dots)
            costs.append(liking + 4 * hits + 300 * _outside(box, frame))
        fixed.append(np.array(costs))
    chosen = [int(costs.argmin()) for costs in fixed]
    for _ in range(12):
        before = list(chosen)
        # those with the worst place choose first
        for index in sorted(range(len(options)), key=lambda i: -fixed[i][chosen[i]]):
            costs = fixed[index].copy()
            for other, option in enumerate(chosen):
                if other != index:
                    taken = _box(options[other][option][0], sizes[other])
                    for k, (corner, _) in enumerate(options[index]):
                        costs[k] += 8 * _overlap(_box(corner, sizes[index]), taken)
            chosen[index] = int(costs.argmin())
        if chosen == before:
            break
    return np.array([options[i][k][0] for i, k in enumerate(chosen)]).reshape(-1, 2)


def _options(
    point: np.ndarray, size: np.ndarray, near: float
) -> list[tuple[tuple[float, float], float]]:
    """Corners to try, with how unwelcome each is by itself: right and close is best."""
    width, height = size
    found = []
    for ring, distance in enumerate((near, 2.2 * near, 3.6 * near, 5.2 * near, 7 * near)):
        for step in range(16):
            angle = math.tau * step / 16
            dx, dy = math.cos(angle), math.sin(angle)
            # the label's nearest side, not its middle, is at that distance
            corner = (
                float(point[0] + distance * dx + (dx - 1) / 2 * width),
                float(point[1] + distance * dy + (dy - 1) / 2 * height),
            )
            liking = 60.0 * ring + 6 * (1 - dx) + 3 * (1 - dy)
            found.append((corner, liking))
    return found


def _box(corner: tuple[float, float], size: np.ndarray) -> Box:
    return corner[0], corner[1], corner[0] + float(size[0]), corner[1] + float(size[1])


def _overlap(a: Box, b: Box) -> float:
    """Shared area in square pixels."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return max(0.0, width) * max(0.0, height)


def _outside(box: Box, frame: Box) -> float:
    """Pixels by which a box leaves the frame."""
    return (
        max(0.0, frame[0] - box[0])
        + max(0.0, frame[1] - box[1])
        + max(0.0, box[2] - frame[2])
        + max(0.0, box[3] - frame[3])
    )
