"""The numbers that stand in a chapter's sentences."""

from __future__ import annotations

from cvlib.journal import numbers
from cvlib.journal.errors import JournalError
from cvlib.journal.quantity import Quantity, Skipped
from cvlib.journal.results import VariantResults
from cvlib.journal.spread import is_share, of_difference, only_shares, over_seeds
from cvlib.journal.words import counted


def share(variant: VariantResults, metric: str = "test_accuracy") -> Quantity:
    """An accuracy in percent: mean ± 95% t-interval over seeds; says so when seeds are missing."""
    mean, interval, _ = over_seeds(variant, metric, 100)
    if interval is None:
        text, low, high = f"{numbers.fixed(mean, 2)}%", None, None
    else:
        text = f"{numbers.plus_minus(mean, interval.half_width)}%"
        low, high = interval.low, interval.high
    return Quantity(text + _seeds_note(variant), mean, low, high, variant.is_stale)


def difference(
    first: VariantResults,
    second: VariantResults,
    metric: str = "test_accuracy",
    plus: bool = True,
) -> Quantity:
    """Accuracy of `first` minus `second` in points, paired by seed, with its 95% interval."""
    mean, interval, over = of_difference(first, second, metric)
    stale = first.is_stale or second.is_stale
    if interval is None:
        text = numbers.signed(mean, 2) if plus else numbers.fixed(mean, 2)
        return Quantity(f"{text} points", mean, stale=stale)
    text = numbers.difference(mean, interval.low, interval.high, plus=plus)
    remark = " (interval over images)" * (over == "images")
    return Quantity(f"{text} points{remark}", mean, interval.low, interval.high, stale)


def last_epoch(variant: VariantResults, metric: str) -> Quantity:
    """An accuracy after the last epoch, in percent: mean over seeds."""
    only_shares(metric)
    values = 100 * variant.history(metric)[:, -1]
    return Quantity(
        f"{numbers.fixed(values.mean(), 1)}%", float(values.mean()), stale=variant.is_stale
    )


def duration(variant: VariantResults, metric: str = "train_seconds") -> Quantity:
    """Mean training time of one run."""
    mean = float(variant.values(metric).mean())
    return Quantity(numbers.duration(mean), mean, stale=variant.is_stale)


def quotient(first: VariantResults, second: VariantResults, metric: str) -> Quantity:
    """Mean of a metric of `first` over that of `second`: `1.8`, to be followed by `times`."""
    below = float(second.values(metric).mean())
    if below == 0:
        raise JournalError(f"{second.experiment}/{second.name} has {metric} 0; no ratio to it")
    value = float(first.values(metric).mean()) / below
    return Quantity(numbers.ratio(value), value, stale=first.is_stale or second.is_stale)


def constant(variant: VariantResults, metric: str) -> Quantity:
    """A count that all seeds share: parameters, FLOPs."""
    values = variant.values(metric)
    if len(set(values)) != 1:
        raise JournalError(
            f"{variant.experiment}/{variant.name}: {metric} differs between seeds: {values}"
        )
    text = numbers.compact(float(values[0]))
    if metric == "flops":
        text = f"{text[:-1]} {text[-1]}FLOPs" if text[-1].isalpha() else f"{text} FLOPs"
    return Quantity(text, float(values[0]), stale=variant.is_stale)


def mean(variant: VariantResults, metric: str) -> Quantity:
    """Any metric: percent for accuracies, else the mean over seeds with two significant digits."""
    if is_share(metric):
        return share(variant, metric)
    value = float(variant.values(metric).mean())
    return Quantity(numbers.two_digits(value), value, stale=variant.is_stale)


def skipped(variant: VariantResults) -> Skipped:
    """What is said in place of any number of a variant that was skipped."""
    return Skipped(
        "skipped",
        reason=f"{variant.experiment}: variant {variant.name!r} was skipped, so this is no "
        f"number: {variant.skip_reason}.",
    )


def _seeds_note(variant: VariantResults) -> str:
    if not variant.is_complete:
        return f" ({len(variant.runs)} of {counted(len(variant.statuses), 'seed')})"
    if len(variant.runs) == 1:
        return " (one seed)"
    return " (every seed)" if variant.is_deterministic else ""
