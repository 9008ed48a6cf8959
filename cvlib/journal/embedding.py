"""Maps of test features side by side: t-SNE or PCA, classes told apart by shape, colour and name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from cvlib.journal.class_labels import name_classes
from cvlib.journal.classes import class_names, short_name
from cvlib.journal.empty_figure import empty_figure
from cvlib.journal.errors import JournalError, MissingResults
from cvlib.journal.figure import ReportFigure, new_figure, styled
from cvlib.journal.results import Results
from cvlib.journal.staleness import absence_note, marks, stale_note
from cvlib.journal.style import class_style
from cvlib.journal.variant_results import VariantResults
from cvlib.journal.words import listed
from cvlib.results.run import Run

METHODS = ("tsne", "pca")
MOST = 4
# Names written into panels of so many columns; more classes get numbers, and a key below.
NAMED = {1: 24, 2: 14, 3: 10}
HEIGHTS = {1: 3.4, 2: 2.5, 3: 2.0}  # of a row of panels, inches


@styled
def embedding(
    results: Results,
    variants: Sequence[str | VariantResults] | None,
    method: str,
    titles: Sequence[str] | Mapping[str, str] | None,
) -> ReportFigure:
    """Draw one panel a variant, of the first seed that kept a map."""
    if method not in METHODS:
        raise JournalError(f"method {method!r}: expected 'tsne' or 'pca'")
    chosen = results.chosen(variants) if variants else _mapped(results)
    found = results.shown(chosen)
    if not found:
        return empty_figure(chosen)
    heads = [
        title
        for variant, title in zip(chosen, _titles(chosen, titles), strict=True)
        if variant.runs and not _no_map(variant)
    ]
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
    numbered = names is None or classes > NAMED[across]
    key = _key(names) if numbered and names else ""
    height = HEIGHTS[across] if down == 1 else 2.0
    figure = new_figure(height * down + 0.25 + 0.13 * (len(key) // 130))
    grid = figure.subplots(down, across, squeeze=False)
    mark = marks(found)
    for axes, head, (variant, _, stored) in zip(grid.flat, heads, maps, strict=True):
        _scatter(axes, stored[method], stored["labels"], classes)
        axes.set_title(head + mark[variant.id])
        _axes_words(axes, method, stored)
    notes = [
        _how(method, [(v, stored) for v, _, stored in maps]),
        "" if names else "classes by their number",
        f"cannot be mapped: {listed(reasons)}" if reasons else "",
        stale_note(found),
        absence_note(chosen),
    ]
    shown_names = [short_name(n) for n in names] if names and not numbered else None
    without = ""
    while True:
        figure.say(*notes, without, runs=[run.key for _, run, _ in maps], key=key)
        figure.draw_without_rendering()
        every = [
            name_classes(axes, stored[method], stored["labels"], shown_names)
            for axes, (_, _, stored) in zip(grid.flat, maps, strict=True)
        ]
        if all(every) or without:
            return figure
        # again, as one line more below takes room from the panels
        without = "names that would cover others are left out"
        for text in [text for axes in grid.flat for text in axes.texts]:
            text.remove()


def _mapped(results: Results) -> list[VariantResults]:
    """All variants that were to be mapped."""
    found = [v for v in results.chosen(None) if v.variant.spec.embedding is not None]
    if not found:
        raise JournalError(
            f"{results.experiment.id}: no variant keeps maps of its features; set `embedding: {{}}`"
        )
    return found


def _no_map(variant: VariantResults) -> str:
    """Why features that were to be mapped cannot be, as the runs say; '' where a map is kept."""
    rows = [row for run in variant.runs.values() for row in run.tables.get("maps_left_out", [])]
    return str(rows[0]["reason"]).rstrip(".") if rows else ""


def _map_of(variant: VariantResults) -> tuple[Run, dict[str, np.ndarray]]:
    for run in variant.need().runs.values():
        stored = run.embedding()
        if stored is not None:
            return run, stored
    raise MissingResults(
        f"{variant.id} kept no map of its features; set `embedding: {{}}` "
        f"in its spec and run it again"
    )


def _titles(
    chosen: Sequence[VariantResults], titles: Sequence[str] | Mapping[str, str] | None
) -> list[str]:
    """A title for each of the chosen. A mapping's keys are names, or ids such as `exp02/probe`."""
    if titles is None:
        return [variant.label for variant in chosen]
    if isinstance(titles, Mapping):
        if unknown := [key for key in titles if not any(key in (v.name, v.id) for v in chosen)]:
            raise JournalError(
                f"titles for {', '.join(unknown)}, which are no panels; there is: "
                f"{', '.join(variant.id for variant in chosen)}"
            )
        return [titles.get(v.id, titles.get(v.name, v.label)) for v in chosen]
    if isinstance(titles, str) or len(titles) != len(chosen):
        raise JournalError(f"titles {titles!r}: expected one for each of {len(chosen)} variants")
    return list(titles)


def _scatter(axes: Axes, points: np.ndarray, labels: np.ndarray, classes: int) -> None:
    size = float(np.clip(5200 / len(points), 3, 12))
    for label in range(classes):
        own = points[labels == label]
        color, marker = class_style(label)
        axes.scatter(
            own[:, 0],
            own[:, 1],
            s=size,
            c=color,
            marker=marker,
            linewidths=0,
            alpha=0.75,
            zorder=2,
        )
    # one picture within the SVG: a thousand outlines would weigh half a megabyte
    axes.set_rasterization_zorder(2.1)
    axes.grid(visible=False)
    axes.margins(0.04)
    axes.set_aspect("equal", adjustable="datalim")


def _axes_words(axes: Axes, method: str, stored: dict[str, np.ndarray]) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    if method == "pca":
        one, two = (100 * float(share) for share in stored["explained"][:2])
        axes.set_xlabel(f"PC 1 ({one:.0f}% of variance)")
        axes.set_ylabel(f"PC 2 ({two:.0f}%)")
        return
    for spine in axes.spines.values():
        spine.set(visible=True, color="#d9d9d9")


def _how(method: str, maps: Sequence[tuple[VariantResults, dict[str, np.ndarray]]]) -> str:
    images = dict.fromkeys(f"{len(stored['labels']):,}" for _, stored in maps)
    if method == "pca":
        return f"{' or '.join(images)} test images, first two principal components"
    perplexities = dict.fromkeys(f"{float(np.ravel(s['perplexity'])[0]):g}" for _, s in maps)
    return (
        f"{' or '.join(images)} test images, t-SNE with perplexity {' or '.join(perplexities)}; "
        "its axes have no unit"
    )


def _key(names: Sequence[str]) -> str:
    # a number stays on the line of its name
    return ", ".join(
        f"{n} {short_name(name)}".replace(" ", "\u00a0") for n, name in enumerate(names)
    )
