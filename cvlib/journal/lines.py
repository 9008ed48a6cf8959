"""Lines with bands over a logarithmic axis of images, and the name at the end of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator, NullLocator

from cvlib.journal.errors import JournalError
from cvlib.journal.figure import MUTED, line_style, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from cvlib.journal.estimates import Measured
    from cvlib.journal.figure import LineStyle, ReportFigure


@dataclass(frozen=True)
class CurveLine:
    """One line. means: in percent at each x; ends: of its band there."""

    name: str
    x: tuple[float, ...]
    means: tuple[float, ...]
    ends: tuple[tuple[float, float], ...]


def check_band(band: str) -> None:
    """Raise JournalError unless the band is `range` or `interval`."""
    if band not in ("range", "interval"):
        raise JournalError(f"band {band!r}: expected 'range' or 'interval' (95%)")


def band_ends(values: np.ndarray, found: Measured, band: str) -> tuple[float, float]:
    """Ends of the band at one x: the range of all values, or the 95% interval of their mean."""
    if band == "range" or found.interval is None:
        return float(values.min()), float(values.max())
    return found.interval.low, found.interval.high


def draw_line(
    axes: Axes,
    x: Sequence[float],
    means: Sequence[float],
    ends: Sequence[tuple[float, float]],
    style: LineStyle,
) -> Line2D:
    """Draw the means at each x as a line with markers, and their band; no ends: without one."""
    if ends:
        low, high = zip(*ends, strict=True)
        axes.fill_between(x, low, high, color=style.color, alpha=0.15, linewidth=0)
    (line,) = axes.plot(x, means, color=style.color, linestyle=style.dashes)
    line.set(marker=style.marker, markersize=3.6, markeredgewidth=0)
    return line


def lines_figure(
    lines: Sequence[CurveLine],
    *,
    ticks: Mapping[float, str],
    words: tuple[str, str],
    notes: Sequence[str],
    runs: Sequence[str],
) -> ReportFigure:
    """Lines with their bands and names.

    words: of the axes, x and y; notes: for below; runs: keys of those that are shown.
    """
    # so high that every line's name has its place
    figure = new_figure(max(2.5, 0.125 * len(lines) + 1.0))
    axes = figure.subplots()
    axes.set_xscale("log")
    styles = [line_style(index) for index in range(len(lines))]
    for index, (line, style) in enumerate(zip(lines, styles, strict=True)):
        if len(line.x) == 1:
            axes.vlines(line.x, *line.ends[0], color=style.color, linewidth=1)
        draw_line(axes, line.x, line.means, line.ends, style).set_zorder(3 - 0.01 * index)
    axes.yaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(list(ticks), list(ticks.values()))
    axes.set_xlabel(words[0])
    axes.set_ylabel(words[1])
    # the means fill the height: with two seeds an interval may be ten times as wide
    every = np.array([mean for line in lines for mean in line.means])
    room = max(float(np.ptp(every)), 1.0)
    bottom, top = axes.get_ylim()
    low_end, high_end = float(every.min()) - 0.35 * room, float(every.max()) + 0.35 * room
    axes.set_ylim(max(bottom, low_end, 0.0), min(top, high_end, 100.0 + 0.02 * room))
    figure.say(*notes, runs=runs)
    figure.draw_without_rendering()  # settles the layout
    ends = [(line.x[-1], line.means[-1]) for line in lines]
    name_ends(axes, [line.name for line in lines], ends, [style.color for style in styles])
    return figure


def name_ends(
    axes: Axes,
    names: Sequence[str],
    ends: Sequence[tuple[float, float]],
    colors: Sequence[str],
) -> None:
    """Write a name at the right end of each line, so that none covers another."""
    points = 72 / axes.figure.dpi
    line = {"arrowstyle": "-", "color": MUTED, "linewidth": 0.4}
    heights = [float(axes.transData.transform(end)[1]) * points for end in ends]
    placed = spread_apart(heights, gap=8.6)
    frame = axes.get_window_extent()
    # many names that end close together would stand above the axes; let them hang lower
    above = max(placed) - frame.y1 * points
    down = min(max(above, 0.0), max(min(placed) - frame.y0 * points, 0.0))
    for name, end, color, height, wanted in zip(names, ends, colors, heights, placed, strict=True):
        axes.annotate(
            name,
            xy=end,
            xycoords="data",
            xytext=(11, wanted - down - height),
            textcoords="offset points",
            va="center",
            fontsize=7.5,
            color=color,
            arrowprops={**line, "relpos": (0, 0.5), "shrinkA": 0, "shrinkB": 2},
            annotation_clip=False,
        )


def spread_apart(wanted: Sequence[float], gap: float) -> list[float]:
    """Positions nearest to `wanted` (least squares) that keep their order and `gap` between them.

    With z_i = position_i - i * gap this is isotonic regression, solved by pooling neighbours
    (Ayer et al., Ann. Math. Stat. 26(4), 1955).
    """
    order = sorted(range(len(wanted)), key=lambda i: (wanted[i], i))
    blocks: list[tuple[float, int]] = []  # mean of z, length
    for rank, index in enumerate(order):
        mean, length = wanted[index] - rank * gap, 1
        while blocks and blocks[-1][0] > mean:
            before, count = blocks.pop()
            mean = (before * count + mean * length) / (count + length)
            length += count
        blocks.append((mean, length))
    flat = [mean for mean, length in blocks for _ in range(length)]
    placed = [0.0] * len(wanted)
    for rank, index in enumerate(order):
        placed[index] = flat[rank] + rank * gap
    return placed
