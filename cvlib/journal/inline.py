"""The numbers that stand in a chapter's sentences."""

from __future__ import annotations

from cvlib.journal import numbers
from cvlib.journal.errors import JournalError
from cvlib.journal.quantity import Quantity, Skipped
from cvlib.journal.spread import Spread, is_share, of_difference, only_shares, over_seeds
from cvlib.journal.variant_results import VariantResults
from cvlib.journal.words import counted


def share(variant: VariantResults, metric: str = "test_accuracy") -> Quantity:
    """An accuracy in percent: mean ± 95% interval over seeds; says so when seeds are missing."""
    if metric in variant.left_out:
        return _left_out(variant, metric)
    return percent(variant, over_seeds(variant, metric, 100))


def percent(variant: VariantResults, found: Spread) -> Quantity:
    """A share in percent with its interval and what there is to say of its seeds."""
    half = found.interval.half_width if found.interval is not None else None
    return _with_interval(variant, found, numbers.percent(found.mean, half))


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
    mean = variant.mean(metric)
    return Quantity(numbers.duration(mean), mean, stale=variant.is_stale)


def quotient(first: VariantResults, second: VariantResults, metric: str) -> Quantity:
    """Mean of a metric of `first` over that of `second`: `1.8`, to be followed by `times`."""
    below = second.mean(metric)
    if below == 0:
        raise JournalError(f"{second.id} has {metric} 0; no ratio to it")
    value = first.mean(metric) / below
    return Quantity(numbers.ratio(value), value, stale=first.is_stale or second.is_stale)


def constant(variant: VariantResults, metric: str) -> Quantity:
    """A count that all seeds share: parameters, FLOPs."""
    values = variant.values(metric)
    if len(set(values)) != 1:
        raise JournalError(f"{variant.id}: {metric} differs between seeds: {values}")
    text = numbers.compact(float(values[0]))
    if metric == "flops":
        text = f"{text[:-1]} {text[-1]}FLOPs" if text[-1].isalpha() else f"{text} FLOPs"
    return Quantity(text, float(values[0]), stale=variant.is_stale)


def mean(variant: VariantResults, metric: str) -> Quantity:
    """Any metric: percent for accuracies, else the mean over seeds; with its 95% interval."""
    if is_share(metric):
        return share(variant, metric)
    if metric in variant.left_out:
        return _left_out(variant, metric)
    found = over_seeds(variant, metric)
    if found.interval is None:
        return Quantity(numbers.two_digits(found.mean), found.mean, stale=variant.is_stale)
    text = numbers.plus_minus(found.mean, found.interval.half_width, most=6)
    return _with_interval(variant, found, text)


def skipped(variant: VariantResults) -> Skipped:
    """What is said in place of any number of a variant that was skipped."""
    return Skipped(
        "skipped",
        reason=f"{variant.experiment}: variant {variant.name!r} was skipped, so this is no "
        f"number: {variant.skip_reason}.",
    )


def _left_out(variant: VariantResults, metric: str) -> Skipped:
    reason = f"{variant.id} has no {metric}, so this is no number: {variant.left_out[metric]}."
    return Skipped("left out (too few images)", reason=reason)


def _with_interval(variant: VariantResults, found: Spread, text: str) -> Quantity:
    remarks = []
    if not variant.is_complete:
        remarks.append(f"{len(variant.runs)} of {counted(len(variant.statuses), 'seed')}")
    elif len(variant.runs) == 1:
        remarks.append("one seed")
    elif found.interval is None:
        remarks.append("every seed")
    if found.over == "images":
        remarks.append("interval over images")
    remark = f" ({', '.join(remarks)})" if remarks else ""
    low, high = (found.interval.low, found.interval.high) if found.interval else (None, None)
    return Quantity(text + remark, found.mean, low, high, variant.is_stale)
