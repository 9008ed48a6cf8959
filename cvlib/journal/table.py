"""The table of an experiment: a row a variant, columns by name, and a note that says what they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cvlib.journal import convergence, numbers
from cvlib.journal.convergence import COMMON, target_of
from cvlib.journal.errors import JournalError
from cvlib.journal.estimates import of_difference, over_seeds, paired_tests
from cvlib.journal.handle import of_experiment
from cvlib.journal.notes import (
    in_rows,
    marks,
    noted,
    variant_sentences,
)
from cvlib.journal.quantity import keys_of, pipe_table
from cvlib.journal.results import constant, shared_seeds, told_apart
from cvlib.journal.words import counted

if TYPE_CHECKING:
    from cvlib.journal.convergence import Target
    from cvlib.journal.quantity import Markdown
    from cvlib.journal.results import Name, Results, VariantResults

IMAGES_MARK = "‡"
DEFAULT = ("accuracy", "difference", "parameters", "flops", "seconds")


@of_experiment
def table(
    results: Results,
    *columns: str,
    variants: Sequence[Name] | None = None,
    reference: Name | None = None,
    target: Target | None = None,
    note: bool = True,
) -> Markdown:
    """A row a variant, as a Markdown table with a note below.

    columns: of accuracy, val_accuracy, difference, p, parameters, flops, seconds,
    extract_seconds, knn, knn_20, ridge, images_per_second, best_epoch, epochs_to, seconds_to,
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
    context = Context(base, None if target is None else target_of(target, shown))
    if "p" in names:
        reference = context.needs_reference()
        others = [v for v in shown if v.id != reference.id and reference.runs]
        tests = paired_tests([(one, reference) for one in others if shared_seeds(one, reference)])
        context.p = {one.first.id: one.p for one in tests}
    words = {
        "reference": context.reference.label if context.reference else "",
        "target": f"{100 * context.target:g}%" if context.target is not None else "",
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
    """What cells need besides their variant. p: by id, filled when the column is asked for."""

    reference: VariantResults | None
    target: float | None
    p: dict[str, float] = field(default_factory=dict)
    over_images: bool = False  # whether a cell of `difference` has an interval over images

    def needs_reference(self) -> VariantResults:
        """The reference; raises JournalError when none was named."""
        if self.reference is None:
            raise JournalError(
                "the columns difference and p need a variant to compare with: reference=…"
            )
        return self.reference

    def needs_target(self) -> float:
        """The target; raises JournalError when none was given."""
        if self.target is None:
            raise JournalError(
                "the columns epochs_to and seconds_to need target=…, such as 0.85 or 'common'"
            )
        return self.target


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


def _share(metric: str) -> Callable[[VariantResults, Context], str]:
    def cell(variant: VariantResults, _: Context) -> str:
        mean, interval, _over = over_seeds(variant, metric, 100)
        if interval is None:
            return numbers.fixed(mean, 2)
        return numbers.plus_minus(mean, interval.half_width)

    return cell


def _difference(variant: VariantResults, context: Context) -> str:
    reference = context.needs_reference()
    if variant.id == reference.id or not reference.runs:
        return numbers.NO_VALUE
    mean, interval, over = of_difference(variant, reference)
    if interval is None:
        return numbers.signed(mean, 2)
    context.over_images |= over == "images"
    text = numbers.difference(mean, interval.low, interval.high)
    return text + IMAGES_MARK * (over == "images")


def _p(variant: VariantResults, context: Context) -> str:
    p = context.p.get(variant.id)
    return numbers.NO_VALUE if p is None else numbers.p_value(p)[2:].removeprefix("= ")


def _mean(metric: str) -> Callable[[VariantResults, Context], str]:
    return lambda variant, _: numbers.two_digits(variant.mean(metric))


def _reach(what: str, own_best: bool) -> Callable[[VariantResults, Context], str]:
    def cell(variant: VariantResults, context: Context) -> str:
        target = None if own_best else context.needs_target()
        return convergence.cell(variant, what, target)

    return cell


COLUMNS = {
    "accuracy": Column(
        "Test accuracy (%)",
        _share("test_accuracy"),
        over_seeds="accuracy: mean ± 95% t-interval over seeds",
    ),
    "val_accuracy": Column("Val accuracy (%)", _share("val_accuracy"), metric="val_accuracy"),
    "difference": Column(
        "Δ to {reference} (points)",
        _difference,
        "Δ: difference to {reference}",
        " paired by seed, with its 95% t-interval",
    ),
    "p": Column(
        "p",
        _p,
        "p: exact paired test against {reference} on the same test images, Holm-adjusted for "
        "all rows",
    ),
    "parameters": Column("Parameters", lambda one, _: numbers.compact(constant(one, "parameters"))),
    "flops": Column(
        "MFLOPs",
        lambda one, _: numbers.two_digits(constant(one, "flops") / 1e6),
        "MFLOPs: forward pass of one image",
        metric="flops",
    ),
    "seconds": Column("Training (s)", _mean("train_seconds")),
    "extract_seconds": Column(
        "Extraction (s)",
        _mean("extract_seconds"),
        "extraction: of the frozen features",
        metric="extract_seconds",
    ),
    "knn": Column(
        "k-NN (%)",
        _share("knn_10_accuracy"),
        "k-NN: 10 nearest by cosine",
        metric="knn_10_accuracy",
    ),
    "knn_20": Column("20-NN (%)", _share("knn_20_accuracy"), metric="knn_20_accuracy"),
    "ridge": Column("Ridge (%)", _share("ridge_accuracy"), metric="ridge_accuracy"),
    "images_per_second": Column("Images/s", _mean("images_per_second"), metric="images_per_second"),
    "best_epoch": Column("Best epoch", _mean("best_epoch"), metric="best_epoch"),
    "epochs_to": Column(
        "Epochs to {target}",
        _reach("epochs", False),
        "epochs until validation accuracy is {target}{of_best}",
    ),
    "seconds_to": Column(
        "Seconds to {target}",
        _reach("seconds", False),
        "seconds until validation accuracy is {target}{of_best}",
    ),
    "epochs_to_own": Column(
        "Epochs to 95% of best",
        _reach("epochs", True),
        "best: the run's own best validation accuracy",
    ),
    "seconds_to_own": Column(
        "Seconds to 95% of best",
        _reach("seconds", True),
        "best: the run's own best validation accuracy",
    ),
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
    seeds = len(results.experiment.seeds)
    notes = [
        (COLUMNS[name].note + COLUMNS[name].over_seeds * (seeds > 1)).format(**words)
        for name in names
    ]
    probes = [variant for variant in shown if not variant.has_epochs]
    if probes and len(probes) < len(shown) and "parameters" in names:
        notes.append("parameters: those that are trained, of a probe its head")
    if probes and "seconds_to" in names:
        notes.append("a probe is there when it is done, extraction included")
    if context.over_images:
        notes.append(f"{IMAGES_MARK} neither has a random part: bootstrap interval over images")
    said = [f"{counted(seeds, 'seed')} a variant", *dict.fromkeys(note for note in notes if note)]
    columns = [(COLUMNS[name].metric, COLUMNS[name].head) for name in names]
    return ["; ".join(said) + ".", *variant_sentences(rows, shown, columns)]
