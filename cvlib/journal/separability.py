"""How well the classes lie apart in each variant's features: a table, and the worst pairs in words."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING

from cvlib.analysis.feature_maps import NEIGHBOURS
from cvlib.journal import numbers
from cvlib.journal.errors import JournalError
from cvlib.journal.estimates import BOTH, IMAGES, is_share, measured
from cvlib.journal.handle import of_experiment
from cvlib.journal.notes import in_rows, marks, noted, variant_sentences
from cvlib.journal.quantity import Quantity, keys_of, pipe_table
from cvlib.journal.results import value_of
from cvlib.journal.words import listed, ranged, short_name

if TYPE_CHECKING:
    from cvlib.journal.quantity import Markdown
    from cvlib.journal.results import Name, Results, VariantResults

PAIRS = 2  # that a row of the table names


_COLUMNS = {  # metric -> head
    "silhouette": "Silhouette",
    "knn_purity": "Purity (%)",
    "knn_10_accuracy": "10-NN (%)",
    "knn_20_accuracy": "20-NN (%)",
    "ridge_accuracy": "Ridge (%)",
    "test_accuracy": "{probe} (%)",
}
_NOTES = {
    "silhouette": "silhouette: by cosine distance, −1 to 1",
    "knn_purity": "purity: share of the {near} nearest images of one’s class",
}


@of_experiment
def separability(results: Results, *variants: Name, note: bool = True) -> Markdown:
    """Silhouette, purity, k-NN, ridge and probe accuracy, and the classes that overlap most.

    Columns that no variant has are left out.

    Example: exp04.separability("lite0", "lite0-random")
    """
    rows = results.chosen(variants or None)
    if not variants:  # all that are probed or mapped
        mapped = [v for v in rows if not v.has_epochs or v.variant.spec.embedding is not None]
        rows = mapped or rows
    rows = sorted(rows, key=lambda variant: variant.is_skipped)
    shown = results.shown(rows)
    columns = [metric for metric in _COLUMNS if any(variant.has(metric) for variant in shown)]
    if shown and not {"silhouette", "knn_10_accuracy"} & set(columns):
        raise JournalError(
            f"{results.experiment.id}: {listed([v.label for v in rows])} kept no measure of "
            "separability; set `embedding: {}`, or probe them"
        )
    overlaps = any(_overlapping(variant) for variant in shown)
    probes_only = not any(variant.has_epochs for variant in shown)
    probe = "Linear probe" if probes_only else "Test accuracy"
    head = ["Features", *(_COLUMNS[metric].format(probe=probe) for metric in columns)]
    head += ["Most overlapping classes"] * overlaps
    mark = marks(shown)
    body = []
    for variant in in_rows(rows):
        if not variant.runs:
            cells = [variant.state_words] + [numbers.NO_VALUE] * (len(head) - 2)
            body.append([variant.label, *cells])
            continue
        cells = [numbers.NO_VALUE] * len(columns)
        for place, metric in enumerate(columns):
            if variant.has(metric):
                mean, interval, *_ = measured([variant], metric)
                half = interval.half_width if interval is not None else None
                cells[place] = numbers.plus_minus(mean, half, None if is_share(metric) else 2)
        if overlaps:
            cells.append(_pairs_in_words(variant) or numbers.NO_VALUE)
        body.append([variant.label + mark[variant.id], *cells])
    align = "l" + "r" * len(columns) + "l" * overlaps
    table = pipe_table(head, body, align)
    said = _note(results, rows, shown, columns, overlaps, probes_only) if note else []
    return noted(table, said, keys_of(shown))


@of_experiment
def overlap(results: Results, variant: Name, pairs: int = 1) -> Quantity:
    """`Shirt / T-shirt 21%`: the classes whose features overlap most.

    Example: exp04.overlap("lite0", 2)
    """

    def worst(one: VariantResults) -> Quantity:
        found = _overlapping(one.need())
        if not found:
            raise JournalError(f"{one.id} kept no overlaps of classes; set `embedding: {{}}`")
        return Quantity(_pairs_in_words(one, pairs), value=100 * found[0][2], stale=one.is_stale)

    return value_of(results, [variant], worst)


def _overlapping(variant: VariantResults) -> list[tuple[str, str, float]]:
    """Pairs of classes with the share of neighbours that are of the other, worst first.

    Mean over the seeds that kept it; a pair that a seed does not list counts 0 there.
    """
    tables = [run.tables["overlaps"] for run in variant.runs.values() if "overlaps" in run.tables]
    total: dict[tuple[str, str], float] = {}
    for row in chain(*tables):
        pair = str(row["a"]), str(row["b"])
        total[pair] = total.get(pair, 0.0) + float(row["share"]) / len(tables)
    return [(*pair, share) for pair, share in sorted(total.items(), key=lambda item: -item[1])]


def _pairs_in_words(variant: VariantResults, pairs: int = PAIRS) -> str:
    """`shirt / T-shirt 21%, coat / pullover 17%`; empty where nothing overlaps."""
    return ", ".join(
        f"{short_name(a)} / {short_name(b)} {100 * share:.0f}%"
        for a, b, share in _overlapping(variant)[:pairs]
    )


def _note(
    results: Results,
    rows: Sequence[VariantResults],
    shown: Sequence[VariantResults],
    columns: Sequence[str],
    overlaps: bool,
    probes_only: bool,
) -> list[str]:
    # purity looks at so many nearest images: all others where there are not more
    mapped = [run.metrics.get("mapped_images") for v in shown for run in v.runs.values()]
    near = min([NEIGHBOURS, *(int(images) - 1 for images in mapped if images)])
    said = [_NOTES[metric].format(near=near) for metric in columns if metric in _NOTES]
    if overlaps:
        said.append("overlap: share of two classes’ neighbours that are of the other")
    # what stands after ±: over images where nothing is random, over seeds where something is
    over = {measured([v], metric).over for v in shown for metric in columns if v.has(metric)} - {""}
    if over:
        seeds = ranged([len(v.variant.seeds) for v in shown], "seed")
        rest = " (over images where no seeds differ)" * (len(over) > 1 and IMAGES in over)
        what = "test images" if over == {IMAGES} else f"{BOTH}, {seeds}"
        said.append(f"mean ± 95% interval over {what}{rest}")
    if not probes_only:
        said.append("test accuracy: of the linear probe, or of the trained network itself")
    text = "; ".join(said)
    sentences = [f"{text[0].upper()}{text[1:]}."] if said else []
    return sentences + variant_sentences(rows, shown, _COLUMNS.items())
