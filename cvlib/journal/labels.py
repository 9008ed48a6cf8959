"""Placing labels so that none covers another, a point or an error bar."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from cvlib.journal.style import MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Box = tuple[float, float, float, float]  # left, bottom, right, top
_TOUCH = 0.01  # pixels that two boxes may share
_PATIENCE = 40  # rounds without a hundredth less overlap, after which there is no room


def spread(wanted: Sequence[float], gap: float) -> list[float]:
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


def place(
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


def push_apart(centres: np.ndarray, sizes: np.ndarray, frame: Box) -> np.ndarray:
    """Centres (N, 2) near the wanted ones at which no two boxes overlap, where there is room.

    centres: wanted (N, 2); sizes: (N, 2) widths and heights; frame: box to stay in. All in pixels.
    All overlapping pairs are pushed apart at once, along the direction in which they share least,
    until none overlaps or it gets no better; `uncovered` tells then which to leave out.
    """
    half = sizes / 2
    low = np.array(frame[:2]) + half
    high = np.maximum(np.array(frame[2:]) - half, low)
    placed = np.clip(np.array(centres, dtype=float), low, high)
    best, least, since = placed, math.inf, 0
    # of two in one place the later moves up and to the right
    tie = np.sign(np.arange(len(placed))[:, None] - np.arange(len(placed)))
    while since < _PATIENCE:
        gap, shared = _shared(placed, sizes)
        touching = shared.min(axis=0) > _TOUCH
        covered = float(shared.min(axis=0)[touching].sum())
        if covered < 0.99 * least:
            best, least, since = placed, covered, 0
        if not covered:
            break
        since += 1
        along_x = shared[0] <= shared[1]
        side = np.where(gap == 0, tie, np.sign(gap))
        push = np.where(touching & np.array([along_x, ~along_x]), side * shared / 2, 0.0)
        placed = np.clip(placed + push.sum(axis=2).T, low, high)
    return best


def uncovered(centres: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Which boxes to keep (N,) bool so that none overlaps: the one that covers most goes first."""
    keep = np.ones(len(centres), dtype=bool)
    touching = _shared(centres, sizes)[1].min(axis=0) > 2 * _TOUCH
    while touching.any():
        worst = int(touching.sum(axis=1).argmax())
        keep[worst] = False
        touching[worst] = touching[:, worst] = False
    return keep


def _shared(centres: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gaps between centres, and how far boxes overlap, (2, N, N): by direction; 0 with itself."""
    x = centres.T
    gap = x[:, :, None] - x[:, None, :]
    shared = (sizes.T[:, :, None] + sizes.T[:, None, :]) / 2 - np.abs(gap)
    shared[:, np.arange(len(centres)), np.arange(len(centres))] = 0
    return gap, shared


def name_ends(
    axes: Axes,
    names: Sequence[str],
    ends: Sequence[tuple[float, float]],
    colors: Sequence[str],
    gap: float = 8.6,
) -> None:
    """Write a name at the right end of each line, so that none covers another. gap: points."""
    points = 72 / axes.figure.dpi
    heights = [float(axes.transData.transform(end)[1]) * points for end in ends]
    placed = spread(heights, gap)
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
            arrowprops={
                "arrowstyle": "-",
                "color": MUTED,
                "linewidth": 0.4,
                "relpos": (0, 0.5),
                "shrinkA": 0,
                "shrinkB": 2,
            },
            annotation_clip=False,
        )


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
