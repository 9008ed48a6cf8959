"""Names of classes among the points of a map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from cvlib.journal.labels import push_apart, uncovered
from cvlib.journal.style import INK


def name_classes(
    axes: Axes, points: np.ndarray, labels: np.ndarray, names: Sequence[str] | None
) -> bool:
    """Write each class's name, or number, at the median of its points; names kept apart.

    Returns whether all had room; the others are left out.
    """
    renderer = axes.figure.canvas.get_renderer()  # type: ignore[attr-defined]
    present = np.unique(labels)
    medians = np.array([np.median(points[labels == label], axis=0) for label in present])
    # the halo lies in the picture of the points: as outlines it would double the SVG
    looks: tuple[dict[str, Any], ...] = (
        {"color": INK, "zorder": 5},
        {
            "color": "white",
            "zorder": 2.05,
            "path_effects": [withStroke(linewidth=2.4, foreground="white")],
        },
    )
    texts, halos = (
        [
            axes.annotate(
                names[label] if names else str(label),
                tuple(median),
                ha="center",
                va="center",
                fontsize=7.5,
                fontweight="bold",
                annotation_clip=False,
                **look,
            )
            for label, median in zip(present.tolist(), medians, strict=True)
        ]
        for look in looks
    )
    extents = [text.get_window_extent(renderer) for text in texts]
    scale = axes.figure.dpi / 72
    sizes = np.array([(e.width, e.height) for e in extents]) + scale * np.array([3.5, 0.6])
    inside = axes.get_window_extent(renderer)
    wanted = axes.transData.transform(medians)
    placed = push_apart(wanted, sizes, (inside.x0, inside.y0, inside.x1, inside.y1))
    kept = uncovered(placed, sizes)
    for place, pair in enumerate(zip(texts, halos, strict=True)):
        for text in pair:
            if not kept[place]:
                text.remove()
                continue
            text.set_position(tuple((placed[place] - wanted[place]) / scale))
            text.anncoords = "offset points"
    return bool(kept.all())
