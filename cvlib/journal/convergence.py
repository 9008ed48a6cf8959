"""How soon a variant's validation accuracy is there, seed by seed, for tables and sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from cvlib.analysis import efficiency as analysis
from cvlib.journal import numbers
from cvlib.journal.cost import cost as cost_of
from cvlib.journal.errors import JournalError
from cvlib.journal.handle import of_experiment
from cvlib.journal.quantity import Quantity, keys_of
from cvlib.journal.results import skipped_value, value_of
from cvlib.journal.words import counted

if TYPE_CHECKING:
    from cvlib.journal.cost import Cost
    from cvlib.journal.results import Name, Results, VariantResults

SHARE = 0.95  # of a run's own best, or of the best of all
COMMON = "common"
AccuracyTarget = float | str


@of_experiment
def seconds_to(
    results: Results,
    variant: Name = "base",
    target: AccuracyTarget | None = None,
    among: Sequence[Name] | None = None,
) -> Quantity:
    """`12 s`: training time until a validation accuracy; None: 95% of the run's own best.

    Which seconds: as in `seconds`. target: a share (0..1), or `common`: that of the variants
    `among`, None: of all.

    Example: exp02.seconds_to("last-two", 0.80)
    """
    return _until(results, "seconds", variant, target, among)


@of_experiment
def epochs_to(
    results: Results,
    variant: Name = "base",
    target: AccuracyTarget | None = None,
    among: Sequence[Name] | None = None,
) -> Quantity:
    """`3.5 epochs`: epochs until a validation accuracy, asked as `seconds_to` is.

    Example: exp01.epochs_to("base")
    """
    return _until(results, "epochs", variant, target, among)


@of_experiment
def common_target(results: Results, *variants: Name) -> Quantity:
    """`82.9%`: 95% of the best validation accuracy that any run of the variants reached.

    One target for all, that a weak variant may miss. None named: of all variants.

    Example: exp01.common_target("base", "depth-2")
    """
    chosen = results.chosen(variants or None)
    shown = results.shown(chosen)
    target = target_of(COMMON, shown)
    if target is None:
        return skipped_value(chosen[0])
    stale = any(variant.is_stale for variant in shown)
    return Quantity(f"{100 * target:g}%", 100 * target, stale=stale, runs=keys_of(shown))


def target_of(target: AccuracyTarget | None, variants: Sequence[VariantResults]) -> float | None:
    """A target as a share: itself, or for `common` 95% of the best that any run reached.

    That is to a tenth of a point; None without a run. A probe, which has no epochs, counts with the
    accuracy it ends with.
    """
    if target != COMMON:
        if target is not None and (isinstance(target, str) or not 0 < target <= 1):
            raise JournalError(f"target {target!r}: expected a share such as 0.85, or {COMMON!r}")
        return target
    scores = [
        np.array([float(row["val_accuracy"]) for row in run.history or [run.metrics]])
        for variant in variants
        for run in variant.runs.values()
        if run.history or "val_accuracy" in run.metrics  # zero-shot looks at no validation image
    ]
    return round(analysis.common_target(scores, SHARE), 3) if scores else None


def times_to(
    variant: VariantResults, what: str, target: float | None, cost: Cost
) -> list[float] | None:
    """Epochs or seconds until a validation accuracy, of the seeds that reach it.

    what: `epochs` or `seconds`; cost: which seconds; target: a share in 0..1, None: 95% of the run's own best.
    None when it makes no sense: a probe has no epochs. A probe that ends above the target gets
    there when it is done, extraction of features included.
    """
    if not variant.need().has_epochs:
        if what == "epochs" or target is None:
            return None
        pairs = zip(variant.values("val_accuracy"), variant.values(cost.metric), strict=True)
        return [float(seconds) for accuracy, seconds in pairs if accuracy >= target]
    found = []
    for run in variant.runs.values():
        scores, seconds = (
            np.array([float(row[name]) for row in run.history])
            for name in ("val_accuracy", cost.column)
        )
        if target is None:
            found.append(analysis.reach_share_of_best(scores, seconds, SHARE))
        elif reached := analysis.reach(scores, seconds, target):
            found.append(reached)
    return [float(getattr(one, what)) for one in found]


def cell(variant: VariantResults, what: str, target: float | None, cost: Cost) -> str:
    """Mean over the seeds that got there, for a table."""
    found = times_to(variant, what, target, cost)
    if found is None:
        return numbers.NO_VALUE
    if not found:
        return "not reached"
    text = numbers.two_digits(float(np.mean(found)))
    return text if len(found) == len(variant.runs) else f"{text} ({counted(len(found), 'seed')})"


def _until(
    results: Results,
    what: str,
    variant: Name,
    target: AccuracyTarget | None,
    among: Sequence[Name] | None,
) -> Quantity:
    shown = [one for one in results.chosen(among) if one.runs]
    share = target_of(target, shown)
    cost = cost_of([*results.variants, results.variant(variant)])

    def mean_time(one: VariantResults) -> Quantity:
        found = times_to(one, what, share, cost)
        if found is None:
            return Quantity("no epochs")
        if not found:
            return Quantity("not reached", stale=one.is_stale)
        mean = float(np.mean(found))
        text = numbers.duration(mean) if what == "seconds" else f"{numbers.two_digits(mean)} epochs"
        if text == "1.0 epochs":
            text = "1 epoch"
        if len(found) < len(one.runs):
            text += f" ({len(found)} of {counted(len(one.runs), 'seed')})"
        return Quantity(text, mean, stale=one.is_stale)

    runs = keys_of(shown) if target == COMMON else ()
    return value_of(results, [variant], mean_time).traced(runs)
