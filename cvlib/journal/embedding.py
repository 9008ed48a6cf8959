"""Maps of test features side by side: t-SNE or PCA, classes told apart by shape, colour and name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.patheffects import withStroke

from cvlib.journal.errors import JournalError, MissingResults
from cvlib.journal.figure import INK, class_style, empty_figure, new_figure, styled
from cvlib.journal.handle import of_experiment
from cvlib.journal.notes import absence_note, marks, stale_note
from cvlib.journal.words import class_names, listed, short_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from cvlib.journal.figure import ReportFigure
    from cvlib.journal.results import Name, Results, VariantResults
    from cvlib.results.run import Run

METHODS = ("tsne", "pca")
MOST = 4

# Names written into panels of so many columns; more classes get numbers, and a key below.
NAMED = {1: 24, 2: 14, 3: 10}
HEIGHTS = {1: 3.4, 2: 2.5, 3: 2.0}  # of a row of panels, inches
_TOUCH = 0.01  # pixels that two boxes may share
_PATIENCE = 40  # rounds without a hundredth less overlap, after which there is no room


@of_experiment
@styled
def embedding(
    results: Results,
    *variants: Name,
    method: str = "tsne",
    titles: Sequence[str] | None = None,
) -> ReportFigure:
    """Test features in the plane, a panel for each of at most four variants.

    method: `tsne` or `pca`; titles: of the panels, in order; None: labels. Each map
    is that of the first seed that kept one.

    Example: exp04.embedding("lite0-random", "lite0", height=1.9)
    """
    if method not in METHODS:
        raise JournalError(f"method {method!r}: expected 'tsne' or 'pca'")
    chosen = results.chosen(variants or None)
    if not variants:  # all that were to be mapped
        chosen = [v for v in chosen if v.variant.spec.embedding is not None]
    if not chosen:
        raise JournalError(
            f"{results.experiment.id}: no variant keeps maps of its features; set `embedding: {{}}`"
        )
    found = results.shown(chosen)
    if not found:
        return empty_figure(chosen)
    if titles is None:
        titles = [variant.label for variant in chosen]
    elif isinstance(titles, str) or len(titles) != len(chosen):
        raise JournalError(f"titles {titles!r}: expected one for each of {len(chosen)} variants")
    title_of = {variant.id: title for variant, title in zip(chosen, titles, strict=True)}
    reasons = [f"{v.label} ({_no_map(v)})" for v in found if _no_map(v)]
    found = [variant for variant in found if not _no_map(variant)]
    if not found:
        raise MissingResults(f"{results.experiment.id}: no map of {listed(reasons)}")
    maps = [(variant, *_map_of(variant)) for variant in found]
    if len(maps) > MOST:
        given = ", ".join(variant.name for variant, *_ in maps)
        raise JournalError(f"{len(maps)} maps ({given}): name at most {MOST} variants")
    classes = 1 + max(int(stored["labels"].max()) for _, _, stored in maps)
    across = 2 if len(maps) == MOST else len(maps)
    down = -(-len(maps) // across)
    names = class_names(maps[0][1], classes)
    short = [short_name(name) for name in names or ()]
    key = ""
    if classes > NAMED[across]:  # a number stays on the line of its name
        numbered = [f"{number} {name}" for number, name in enumerate(short)]
        key, short = ", ".join(one.replace(" ", "\u00a0") for one in numbered), []
    height = HEIGHTS[across] if down == 1 else 2.0
    figure = new_figure(height * down + 0.25 + 0.13 * (len(key) // 130))
    grid = figure.subplots(down, across, squeeze=False)
    mark = marks(found)
    for axes, (variant, _, stored) in zip(grid.flat, maps, strict=True):
        _scatter(axes, stored[method], stored["labels"], classes)
        axes.set_title(title_of[variant.id] + mark[variant.id])
        axes.set(xticks=[], yticks=[])
        if method == "pca":
            one, two = (100 * float(share) for share in stored["explained"][:2])
            axes.set_xlabel(f"PC 1 ({one:.0f}% of variance)")
            axes.set_ylabel(f"PC 2 ({two:.0f}%)")
        else:
            for spine in axes.spines.values():
                spine.set(visible=True, color="#d9d9d9")
    images = " or ".join(dict.fromkeys(f"{len(stored['labels']):,}" for *_, stored in maps))
    how = "first two principal components"
    if method == "tsne":
        used = dict.fromkeys(f"{float(np.ravel(s['perplexity'])[0]):g}" for *_, s in maps)
        how = f"t-SNE with perplexity {' or '.join(used)}; its axes have no unit"
    notes = [
        f"{images} test images, {how}",
        "" if names else "classes by their number",
        f"cannot be mapped: {listed(reasons)}" if reasons else "",
        stale_note(found),
        absence_note(chosen),
    ]
    without = ""
    while True:
        figure.say(*notes, without, runs=[run.key for _, run, _ in maps], key=key)
        figure.draw_without_rendering()
        every = [
            _name_classes(axes, stored[method], stored["labels"], short)
            for axes, (_, _, stored) in zip(grid.flat, maps, strict=True)
        ]
        if all(every) or without:
            return figure
        # again, as one line more below takes room from the panels
        without = "names that would cover others are left out"
        for text in [text for axes in grid.flat for text in axes.texts]:
            text.remove()


def _no_map(variant: VariantResults) -> str:
    """Why features that were to be mapped cannot be, as the runs say; '' where a map is kept."""
    rows = [row for run in variant.runs.values() for row in run.tables.get("maps_left_out", [])]
    return str(rows[0]["reason"]).rstrip(".") if rows else ""


def _map_of(variant: VariantResults) -> tuple[Run, dict[str, np.ndarray]]:
    """The first run that kept a map, and the map."""
    for run in variant.need().runs.values():
        stored = run.embedding()
        if stored is not None:
            return run, stored
    raise MissingResults(
        f"{variant.id} kept no map of its features; set `embedding: {{}}` "
        f"in its spec and run it again"
    )


def _scatter(axes: Axes, points: np.ndarray, labels: np.ndarray, classes: int) -> None:
    size = float(np.clip(5200 / len(points), 3, 12))
    for label in range(classes):
        own = points[labels == label]
        color, marker = class_style(label)
        look: dict[str, Any] = {"c": color, "marker": marker, "linewidths": 0, "alpha": 0.75}
        axes.scatter(own[:, 0], own[:, 1], s=size, zorder=2, **look)
    # one picture within the SVG: a thousand outlines would weigh half a megabyte
    axes.set_rasterization_zorder(2.1)
    axes.grid(visible=False)
    axes.margins(0.04)
    axes.set_aspect("equal", adjustable="datalim")


def _name_classes(axes: Axes, points: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> bool:
    """Write each class's name, or number, at the median of its points; names kept apart.

    Returns whether all had room; the others are left out.
    """
    renderer = axes.figure.canvas.get_renderer()  # type: ignore[attr-defined]
    present = np.unique(labels)
    medians = np.array([np.median(points[labels == label], axis=0) for label in present])
    # the halo lies in the picture of the points: as outlines it would double the SVG
    fixed: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 7.5, "fontweight": "bold"}
    fixed["annotation_clip"] = False
    texts, halos = [], []
    for label, median in zip(present.tolist(), medians, strict=True):
        name, at = names[label] if names else str(label), (median[0], median[1])
        texts.append(axes.annotate(name, at, color=INK, zorder=5, **fixed))
        halos.append(axes.annotate(name, at, color="white", zorder=2.05, **fixed))
        halos[-1].set_path_effects([withStroke(linewidth=2.4, foreground="white")])
    extents = [text.get_window_extent(renderer) for text in texts]
    scale = axes.figure.dpi / 72
    sizes = np.array([(e.width, e.height) for e in extents]) + scale * np.array([3.5, 0.6])
    wanted = axes.transData.transform(medians)
    placed = push_apart(wanted, sizes, axes.get_window_extent(renderer).extents)
    kept = uncovered(placed, sizes)
    for keep, offset, pair in zip(
        kept, (placed - wanted) / scale, zip(texts, halos, strict=True), strict=True
    ):
        for text in pair:
            text.set_position(tuple(offset))
            text.anncoords = "offset points"
            if not keep:
                text.remove()
    return bool(kept.all())


def push_apart(centres: np.ndarray, sizes: np.ndarray, frame: Sequence[float]) -> np.ndarray:
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
