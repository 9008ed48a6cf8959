"""The table of an experiment: a row a variant, columns by name, and a note that says what they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cvlib.journal import convergence, numbers
from cvlib.journal.comparison import compare
from cvlib.journal.errors import JournalError
from cvlib.journal.inline import constant
from cvlib.journal.pipe_table import pipe_table
from cvlib.journal.quantity import STALE_MARK, Markdown, markdown
from cvlib.journal.results import Results, VariantResults, shared_seeds
from cvlib.journal.skipped import by_reason
from cvlib.journal.spread import NO_RANDOM_PART, of_difference, over_seeds
from cvlib.journal.staleness import marks, stale_reasons
from cvlib.journal.words import counted

IMAGES_MARK = "‡"
DEFAULT = ("accuracy", "difference", "parameters", "flops", "seconds")


@dataclass
class _Context:
    """What cells need besides their variant. p: by variant, filled when the column is asked for."""

    reference: VariantResults | None
    target: float | None
    p: dict[str, float] = field(default_factory=dict)
    over_images: bool = False  # whether a cell of `difference` has an interval over images

    def needs_reference(self) -> VariantResults:
        if self.reference is None:
            raise JournalError(
                "the columns difference and p need a variant to compare with: reference=…"
            )
        return self.reference

    def needs_target(self) -> float:
        if self.target is None:
            raise JournalError("the columns epochs_to and seconds_to need target=…, such as 0.85")
        return self.target


@dataclass(frozen=True)
class Column:
    """head: with {target} and {reference}; note: for the line below the table.

    over_seeds: said after the note where there are several seeds.
    """

    head: str
    cell: Callable[[VariantResults, _Context], str]
    note: str = ""
    over_seeds: str = ""


def _share(metric: str) -> Callable[[VariantResults, _Context], str]:
    def cell(variant: VariantResults, _: _Context) -> str:
        mean, interval, _over = over_seeds(variant, metric, 100)
        if interval is None:
            return numbers.fixed(mean, 2)
        return numbers.plus_minus(mean, interval.half_width)

    return cell


def _difference(variant: VariantResults, context: _Context) -> str:
    reference = context.needs_reference()
    if variant is reference or not reference.runs:
        return numbers.NO_VALUE
    mean, interval, over = of_difference(variant, reference)
    if interval is None:
        return numbers.signed(mean, 2)
    context.over_images |= over == "images"
    text = numbers.difference(mean, interval.low, interval.high)
    return text + IMAGES_MARK * (over == "images")


def _p(variant: VariantResults, context: _Context) -> str:
    p = context.p.get(variant.name)
    return numbers.NO_VALUE if p is None else numbers.p_value(p)[2:].removeprefix("= ")


def _count(metric: str) -> Callable[[VariantResults, _Context], str]:
    return lambda variant, _: numbers.compact(constant(variant, metric).value or 0)


def _mega(metric: str) -> Callable[[VariantResults, _Context], str]:
    return lambda variant, _: numbers.two_digits((constant(variant, metric).value or 0) / 1e6)


def _mean(metric: str) -> Callable[[VariantResults, _Context], str]:
    return lambda variant, _: numbers.two_digits(float(variant.values(metric).mean()))


def _reach(what: str, own_best: bool) -> Callable[[VariantResults, _Context], str]:
    def cell(variant: VariantResults, context: _Context) -> str:
        target = None if own_best else context.needs_target()
        return convergence.cell(variant, what, target)

    return cell


COLUMNS = {
    "accuracy": Column(
        "Test accuracy (%)",
        _share("test_accuracy"),
        over_seeds="accuracy: mean ± 95% t-interval over seeds",
    ),
    "val_accuracy": Column("Val accuracy (%)", _share("val_accuracy")),
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
    "parameters": Column("Parameters", _count("parameters")),
    "flops": Column("MFLOPs", _mega("flops"), "MFLOPs: forward pass of one image"),
    "seconds": Column("Training (s)", _mean("train_seconds")),
    "extract_seconds": Column(
        "Extraction (s)", _mean("extract_seconds"), "extraction: of the frozen features"
    ),
    "knn": Column("k-NN (%)", _share("knn_10_accuracy"), "k-NN: 10 nearest by cosine"),
    "knn_20": Column("20-NN (%)", _share("knn_20_accuracy")),
    "ridge": Column("Ridge (%)", _share("ridge_accuracy")),
    "images_per_second": Column("Images/s", _mean("images_per_second")),
    "best_epoch": Column("Best epoch", _mean("best_epoch")),
    "epochs_to": Column("Epochs to {target}", _reach("epochs", False), "{to_target}"),
    "seconds_to": Column("Seconds to {target}", _reach("seconds", False), "{to_target}"),
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

# What a column needs of a run that not every kind of run has.
METRICS = {
    "best_epoch": "best_epoch",
    "extract_seconds": "extract_seconds",
    "images_per_second": "images_per_second",
    "knn": "knn_10_accuracy",
    "knn_20": "knn_20_accuracy",
    "ridge": "ridge_accuracy",
    "flops": "flops",
    "val_accuracy": "val_accuracy",
}


def results_table(
    results: Results,
    columns: Sequence[str] | None,
    variants: Sequence[str | VariantResults] | None,
    reference: str | VariantResults | None,
    target: float | None,
    note: bool,
) -> Markdown:
    """A pipe table with its note; variants without results stand in it with their reason."""
    rows = sorted(results.chosen(variants), key=lambda variant: variant.is_skipped)
    shown = results.shown(rows)
    names = list(columns or DEFAULT)
    if columns is None and reference is None and not any(v.name == "base" for v in rows):
        names.remove("difference")
    for name in names:
        if name not in COLUMNS:
            raise JournalError(f"no column {name!r}; there is: {', '.join(COLUMNS)}")
    needs_reference = {"difference", "p"} & set(names)
    context = _Context(results.reference(reference) if needs_reference else None, target)
    if "p" in names:
        context.p = _p_values(shown, context.needs_reference())
    words = {
        "reference": context.reference.label if context.reference else "",
        "target": f"{100 * target:g}%" if target is not None else "",
        "to_target": f"epochs and seconds until validation accuracy is {100 * (target or 0):g}%",
    }

    has_factors = any(variant.factor for variant in rows)
    head = (["Varied"] if has_factors else []) + ["Variant"]
    head += [COLUMNS[name].head.format(**words) for name in names]
    body, factor, mark = [], "", marks(shown)
    for variant in rows:
        first = [variant.factor if variant.factor != factor else ""] if has_factors else []
        factor = variant.factor
        label = variant.label + mark.get(variant.name, "")
        if variant.runs:
            cells = [
                COLUMNS[name].cell(variant, context)
                if _has(variant, name, shown)
                else numbers.NO_VALUE
                for name in names
            ]
        else:
            state = dict.fromkeys(status.state for status in variant.statuses)
            cells = [", ".join(state)] + [numbers.NO_VALUE] * (len(names) - 1)
        body.append([*first, label, *cells])
    table = pipe_table(head, body, "l" * (1 + has_factors) + "r" * len(names))
    if not note:
        return Markdown(table)
    return Markdown(f"{table}\n\n{_note(results, rows, shown, names, words, context)}")


def _has(variant: VariantResults, column: str, shown: Sequence[VariantResults]) -> bool:
    """Whether a row has a value in a column; no where others have it and this kind of run has not.

    Where none has it the cell is asked all the same, and says which metrics there are.
    """
    metric = METRICS.get(column)
    if metric is None:
        return True

    def there(one: VariantResults) -> bool:
        return all(metric in run.metrics for run in one.runs.values())

    return there(variant) or not any(there(other) for other in shown)


def _p_values(shown: Sequence[VariantResults], reference: VariantResults) -> dict[str, float]:
    others = [v for v in shown if v.name != reference.name and reference.runs]
    found = compare(
        [(variant, reference) for variant in others if shared_seeds(variant, reference)]
    )
    return {comparison.first.name: comparison.p for comparison in found}


def _note(
    results: Results,
    rows: Sequence[VariantResults],
    shown: Sequence[VariantResults],
    names: Sequence[str],
    words: dict[str, str],
    context: _Context,
) -> str:
    seeds = len(results.experiment.seeds)
    notes = [
        (COLUMNS[name].note + COLUMNS[name].over_seeds * (seeds > 1)).format(**words)
        for name in names
    ]
    probes = [variant for variant in shown if not variant.has_epochs]
    if probes and "seconds_to" in names:
        notes.append("a probe is there when it is done, extraction included")
    if context.over_images:
        notes.append(f"{IMAGES_MARK} neither has a random part: bootstrap interval over images")
    said = [f"{counted(seeds, 'seed')} a variant", *dict.fromkeys(note for note in notes if note)]
    sentences = ["; ".join(said) + "."]
    fixed = [variant for variant in shown if variant.is_deterministic]
    if fixed:
        which = "All" if len(fixed) == len(shown) else ", ".join(v.label for v in fixed)
        sentences.append(f"{which}: {NO_RANDOM_PART}.")
    for variant in rows:
        if not variant.is_complete and not variant.is_skipped:
            what = "no result" if not variant.runs else f"{len(variant.runs)} of {seeds} seeds"
            sentences.append(f"{variant.label}: {what}, {variant.absence()}.")
    for reason, skipped in by_reason(rows).items():
        sentences.append(f"Skipped: {', '.join(v.label for v in skipped)}: {reason}.")
    for reason, labels in stale_reasons(shown).items():
        which = "all variants" if len(labels) == len(shown) else ", ".join(labels)
        sentences.append(f"{STALE_MARK} Stale: {which}: {reason}.")
    return markdown(" ".join(sentences))
