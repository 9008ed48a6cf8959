"""The table of an experiment: a row a variant, columns by name, and a note that says what they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from cvlib.journal import convergence, numbers
from cvlib.journal.convergence import COMMON, target_of
from cvlib.journal.cost import cost, uneven
from cvlib.journal.errors import JournalError
from cvlib.journal.estimates import IMAGES, compared, difference_quantity, measured, p_cell
from cvlib.journal.handle import of_experiment
from cvlib.journal.notes import in_rows, marks, noted, variant_sentences
from cvlib.journal.quantity import keys_of, pipe_table
from cvlib.journal.results import constant, told_apart
from cvlib.journal.words import ranged

if TYPE_CHECKING:
    from cvlib.journal.convergence import AccuracyTarget
    from cvlib.journal.cost import Cost
    from cvlib.journal.estimates import Measured
    from cvlib.journal.quantity import Markdown
    from cvlib.journal.results import Name, Results, VariantResults

IMAGES_MARK, COMMON_MARK = "‡", "§"
DEFAULT = ("accuracy", "difference", "parameters", "flops", "seconds")


@of_experiment
def table(
    results: Results,
    *columns: str,
    variants: Sequence[Name] | None = None,
    reference: Name | None = None,
    target: AccuracyTarget | None = None,
    note: bool = True,
) -> Markdown:
    """A row a variant, as a Markdown table with a note below.

    columns: of accuracy, val_accuracy, difference, p, parameters, flops, seconds,
    extract_seconds, knn, knn_20, ridge, c, images_per_second, best_epoch, epochs_to, seconds_to,
    epochs_to_own, seconds_to_own; none: accuracy, difference, parameters, flops, seconds.
    target: validation accuracy (0..1) for epochs_to and seconds_to, or `common`: 95% of the
    best that any run of the table reached, see `common_target`.

    Variants without results stand in it with their reason. Those that were skipped are named in
    the note alone, unless nothing else is there.

    Example: exp03.table("accuracy", "flops", "seconds_to_own", variants=["vit-2000", "cnn-2000"])
    """
    rows = sorted(results.chosen(variants), key=lambda variant: variant.is_skipped)
    names = list(columns or DEFAULT)
    if not columns and reference is None and not any(v.is_base for v in rows):
        names.remove("difference")
    for name in names:
        if name not in COLUMNS:
            raise JournalError(f"no column {name!r}; there is: {', '.join(COLUMNS)}")
    base = None
    if {"difference", "p"} & set(names):
        base, *rows = told_apart([results.reference(reference), *rows])
    shown = results.shown(rows)
    share = target_of(target, shown)
    if share is None and shown and {"epochs_to", "seconds_to"} & set(names):
        raise JournalError(
            "the columns epochs_to and seconds_to need target=…, such as 0.85 or 'common'"
        )
    context = Context(share, cost(shown))
    if base is not None and base.runs:
        others = [variant for variant in shown if variant.id != base.id]
        if "difference" in names:
            context.differences = {one.id: measured([one, base]) for one in others}
        if "p" in names:
            tests = compared([(one, base) for one in others])
            context.p = {one.first.id: one.value for one in tests}
    words = {
        "reference": base.label if base is not None else "",
        "target": f"{100 * share:g}%" if share is not None else "",
        "of_best": " (95% of the best of all runs shown)" * (target == COMMON),
    }

    has_factors = any(variant.factor for variant in rows)
    head = ["Varied"] * has_factors + ["Variant"]
    head += [COLUMNS[name].head.format(**words) for name in names]
    body, factor, mark = [], "", marks(shown)
    for variant in in_rows(rows):
        first = [variant.factor if variant.factor != factor else ""] if has_factors else []
        factor = variant.factor
        cells = [numbers.NO_VALUE] * len(names)
        for place, name in enumerate(names):
            if variant.runs and _has(variant, name, shown):
                cells[place] = COLUMNS[name].cell(variant, context)
        if not variant.runs:
            cells[0] = variant.state_words
        body.append([*first, variant.label + mark.get(variant.id, ""), *cells])
    body_text = pipe_table(head, body, "l" * (1 + has_factors) + "r" * len(names))
    said = _note(results, rows, shown, names, words, context) if note else []
    return noted(body_text, said, keys_of([*([base] if base else []), *shown]))


@dataclass
class Context:
    """What cells need besides their variant: a target, which seconds are meant, comparisons by id."""

    target: float | None
    cost: Cost
    differences: dict[str, Measured] = field(default_factory=dict)
    p: dict[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Column:
    """head: with {target} and {reference}; note: for the line below the table.

    over_seeds: said after the note where there are several seeds; metric: that a run must have for
    a cell, where not every kind of run has it.
    """

    head: str
    cell: Callable[[VariantResults, Context], str]
    note: str = ""
    over_seeds: str = ""
    metric: str = ""


def _share(head: str, metric: str, note: str = "", over: str = "") -> Column:
    """A share in percent, of those runs that have it."""

    def cell(variant: VariantResults, _: Context) -> str:
        mean, interval = measured([variant], metric)[:2]
        return numbers.plus_minus(mean, interval.half_width if interval is not None else None)

    return Column(head, cell, note, over, metric)


def _mean(head: str, metric: str, note: str = "") -> Column:
    """The mean of those runs that have it."""
    return Column(
        head, lambda variant, _: numbers.two_digits(variant.mean(metric)), note, metric=metric
    )


def _to_target(what: str) -> Column:
    """what: `Epochs` or `Seconds` until the target."""
    return Column(
        f"{what} to {{target}}",
        lambda variant, context: convergence.cell(
            variant, what.lower(), context.target, context.cost
        ),
        f"{what.lower()} until validation accuracy is {{target}}{{of_best}}",
    )


def _to_own(what: str) -> Column:
    """The same until 95% of the run's own best."""
    return Column(
        f"{what} to 95% of best",
        lambda variant, context: convergence.cell(variant, what.lower(), None, context.cost),
        "best: the run’s own best validation accuracy",
    )


def _difference(variant: VariantResults, context: Context) -> str:
    if variant.id not in context.differences:
        return numbers.NO_VALUE
    found = context.differences[variant.id]
    text = difference_quantity(found).text.split(" (")[0]
    return text + IMAGES_MARK * (found.over == IMAGES) + COMMON_MARK * (found.images is not None)


def _p(variant: VariantResults, context: Context) -> str:
    return p_cell(context.p.get(variant.id))


def _strength(variant: VariantResults, _: Context) -> str:
    """The probe's C, in the middle of its seeds where it differs, and what it could have been."""
    chosen = f"{np.exp(np.log(variant.values('chosen_c')).mean()):.2g}"
    if not variant.has("c_low"):  # of an earlier cvlib
        return chosen
    low, high = variant.values("c_low").min(), variant.values("c_high").max()
    return f"{chosen} [{low:.2g}, {high:.2g}]"


COLUMNS = {
    "accuracy": _share(
        "Test accuracy (%)",
        "test_accuracy",
        over="accuracy: mean ± 95% interval over seeds and test images",
    ),
    "val_accuracy": _share("Val accuracy (%)", "val_accuracy"),
    "difference": Column(
        "Δ to {reference} (points)",
        _difference,
        "Δ: difference to {reference}",
        " with its 95% interval over seeds and test images",
    ),
    "p": Column(
        "p",
        _p,
        "p: of no difference to {reference}, from the same model, Holm-adjusted for all rows",
    ),
    "parameters": Column("Parameters", lambda one, _: numbers.compact(constant(one, "parameters"))),
    "flops": Column(
        "MFLOPs",
        lambda one, _: numbers.two_digits(constant(one, "flops") / 1e6),
        "MFLOPs: forward pass of one image",
        metric="flops",
    ),
    "seconds": Column(
        "Training (s)", lambda one, context: numbers.two_digits(one.mean(context.cost.metric))
    ),
    "extract_seconds": _mean(
        "Extraction (s)", "extract_seconds", "extraction: of the frozen features, wall-clock"
    ),
    "knn": _share("k-NN (%)", "knn_10_accuracy", "k-NN: 10 nearest by cosine"),
    "knn_20": _share("20-NN (%)", "knn_20_accuracy"),
    "ridge": _share("Ridge (%)", "ridge_accuracy"),
    "c": Column(
        "C",
        _strength,
        "C: in brackets, those whose loss is within a standard error of the lowest",
        metric="chosen_c",
    ),
    "images_per_second": _mean("Images/s", "images_per_second"),
    "best_epoch": _mean("Best epoch", "best_epoch"),
    "epochs_to": _to_target("Epochs"),
    "seconds_to": _to_target("Seconds"),
    "epochs_to_own": _to_own("Epochs"),
    "seconds_to_own": _to_own("Seconds"),
}


def _has(variant: VariantResults, column: str, shown: Sequence[VariantResults]) -> bool:
    """Whether a row has a value in a column; no where others have it and this kind of run has not.

    Where none has it the cell is asked all the same, and says which metrics there are.
    """
    metric = COLUMNS[column].metric
    if not metric or variant.has(metric):
        return True
    return metric not in variant.left_out and not any(other.has(metric) for other in shown)


def _note(
    results: Results,
    rows: Sequence[VariantResults],
    shown: Sequence[VariantResults],
    names: Sequence[str],
    words: dict[str, str],
    context: Context,
) -> list[str]:
    seeds = [len(variant.variant.seeds) for variant in shown or rows]
    notes = [
        (COLUMNS[name].note + COLUMNS[name].over_seeds * (max(seeds) > 1)).format(**words)
        for name in names
    ]
    probes = [variant for variant in shown if not variant.has_epochs]
    if probes and len(probes) < len(shown) and "parameters" in names:
        notes.append("parameters: those that are trained, of a probe its head")
    if probes and "seconds_to" in names:
        notes.append("a probe is there when it is done, extraction included")
    found = context.differences.values()
    if any(one.over == IMAGES for one in found):
        notes.append(f"{IMAGES_MARK} neither has a random part: interval over images alone")
    if common := [one.images for one in found if one.images is not None]:
        notes.append(f"{COMMON_MARK} on the {ranged(common, 'image')} that both were tested on")
    timed = any(name.startswith("seconds") for name in names)
    if timed:
        notes.append(context.cost.note)
    said = [f"{ranged(seeds, 'seed')} a variant", *dict.fromkeys(note for note in notes if note)]
    columns = [(COLUMNS[name].metric, COLUMNS[name].head) for name in names]
    sentences = ["; ".join(said) + "."]
    if timed and (differing := uneven(shown)):
        sentences.append(f"{differing[0].upper()}{differing[1:]}.")
    return [*sentences, *variant_sentences(rows, shown, columns)]
