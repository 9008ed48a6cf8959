"""The table of an experiment: a row a variant, columns by name, and a note that says what they are."""

from __future__ import annotations

from collections.abc import Sequence

from cvlib.journal import numbers
from cvlib.journal.columns import COLUMNS, IMAGES_MARK, Context
from cvlib.journal.comparison import compare
from cvlib.journal.convergence import COMMON, Target, target_of
from cvlib.journal.errors import JournalError
from cvlib.journal.origin import keys_of
from cvlib.journal.pipe_table import pipe_table
from cvlib.journal.quantity import Markdown
from cvlib.journal.results import Results, told_apart
from cvlib.journal.staleness import marks
from cvlib.journal.table_note import (
    in_rows,
    metrics_left_out,
    not_converged,
    noted,
    skipped_and_stale,
    without_random_part,
    without_results,
)
from cvlib.journal.variant_results import VariantResults, shared_seeds
from cvlib.journal.words import counted

DEFAULT = ("accuracy", "difference", "parameters", "flops", "seconds")


def results_table(
    results: Results,
    columns: Sequence[str] | None,
    variants: Sequence[str | VariantResults] | None,
    reference: str | VariantResults | None,
    target: Target | None,
    note: bool,
) -> Markdown:
    """A pipe table with its note; variants without results stand in it with their reason.

    Those that were skipped are named in the note alone, unless nothing else is there.
    """
    rows = sorted(results.chosen(variants), key=lambda variant: variant.is_skipped)
    names = list(columns or DEFAULT)
    if not columns and reference is None and not any(v.name == "base" for v in rows):
        names.remove("difference")
    for name in names:
        if name not in COLUMNS:
            raise JournalError(f"no column {name!r}; there is: {', '.join(COLUMNS)}")
    needs_reference = {"difference", "p"} & set(names)
    base = None
    if needs_reference:
        base, *rows = told_apart([results.reference(reference), *rows])
    shown = results.shown(rows)
    context = Context(base, target_of(target, shown))
    if "p" in names:
        context.p = _p_values(shown, context.needs_reference())
    words = {
        "reference": context.reference.label if context.reference else "",
        "target": f"{100 * context.target:g}%" if context.target is not None else "",
        "of_best": " (95% of the best of all runs shown)" * (target == COMMON),
    }

    has_factors = any(variant.factor for variant in rows)
    head = (["Varied"] if has_factors else []) + ["Variant"]
    head += [COLUMNS[name].head.format(**words) for name in names]
    body, factor, mark = [], "", marks(shown)
    for variant in in_rows(rows):
        first = [variant.factor if variant.factor != factor else ""] if has_factors else []
        factor = variant.factor
        label = variant.label + mark.get(variant.id, "")
        if variant.runs:
            cells = [
                COLUMNS[name].cell(variant, context)
                if _has(variant, name, shown)
                else numbers.NO_VALUE
                for name in names
            ]
        else:
            cells = [variant.state_words] + [numbers.NO_VALUE] * (len(names) - 1)
        body.append([*first, label, *cells])
    table = pipe_table(head, body, "l" * (1 + has_factors) + "r" * len(names))
    said = _note(results, rows, shown, names, words, context) if note else []
    return noted(table, said, keys_of([*([base] if base else []), *shown]))


def _has(variant: VariantResults, column: str, shown: Sequence[VariantResults]) -> bool:
    """Whether a row has a value in a column; no where others have it and this kind of run has not.

    Where none has it the cell is asked all the same, and says which metrics there are.
    """
    metric = COLUMNS[column].metric
    if not metric:
        return True

    def there(one: VariantResults) -> bool:
        return all(metric in run.metrics for run in one.runs.values())

    if metric in variant.left_out:
        return False
    return there(variant) or not any(there(other) for other in shown)


def _p_values(shown: Sequence[VariantResults], reference: VariantResults) -> dict[str, float]:
    others = [v for v in shown if v.id != reference.id and reference.runs]
    found = compare(
        [(variant, reference) for variant in others if shared_seeds(variant, reference)]
    )
    return {comparison.first.id: comparison.p for comparison in found}


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
    sentences = ["; ".join(said) + "."]
    sentences += without_random_part(shown)
    sentences += not_converged(shown)
    sentences += metrics_left_out(
        shown, [(COLUMNS[name].metric, COLUMNS[name].head) for name in names]
    )
    sentences += without_results(rows)
    sentences += skipped_and_stale(rows, shown)
    return sentences
