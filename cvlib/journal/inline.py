"""The numbers that stand in a chapter's sentences."""

from __future__ import annotations

import numpy as np

from cvlib.analysis.intervals import t_interval
from cvlib.journal import numbers
from cvlib.journal.errors import JournalError
from cvlib.journal.quantity import Quantity
from cvlib.journal.results import VariantResults, shared_seeds
from cvlib.journal.words import counted

SHARES = ("test_accuracy", "val_accuracy", "train_accuracy")


def share(variant: VariantResults, metric: str = "test_accuracy") -> Quantity:
    """An accuracy in percent: mean ± 95% t-interval over seeds; says so when seeds are missing."""
    values = 100 * variant.values(metric)
    if len(values) == 1:
        text, low, high = f"{numbers.fixed(values[0], 2)}%", None, None
    else:
        interval = t_interval(values)
        text = f"{numbers.plus_minus(interval.estimate, interval.half_width)}%"
        low, high = interval.low, interval.high
    return Quantity(text + _seeds_note(variant), float(values.mean()), low, high, variant.is_stale)


def difference(
    first: VariantResults,
    second: VariantResults,
    metric: str = "test_accuracy",
    plus: bool = True,
) -> Quantity:
    """Accuracy of `first` minus `second` in points, paired by seed, with its 95% t-interval."""
    values = paired_points(first, second, metric)
    stale = first.is_stale or second.is_stale
    mean = float(values.mean())
    if len(values) == 1:
        text = numbers.signed(mean, 2) if plus else numbers.fixed(mean, 2)
        return Quantity(f"{text} points", mean, stale=stale)
    interval = t_interval(values)
    text = numbers.difference(interval.estimate, interval.low, interval.high, plus=plus)
    return Quantity(f"{text} points", mean, interval.low, interval.high, stale)


def paired_points(
    first: VariantResults, second: VariantResults, metric: str = "test_accuracy"
) -> np.ndarray:
    """Differences in points (S,), one for each seed that both have."""
    _only_shares(metric)
    return np.array(
        [
            100 * (first.value(metric, seed) - second.value(metric, seed))
            for seed in shared_seeds(first, second)
        ]
    )


def last_epoch(variant: VariantResults, metric: str) -> Quantity:
    """An accuracy after the last epoch, in percent: mean over seeds."""
    _only_shares(metric)
    values = 100 * variant.history(metric)[:, -1]
    return Quantity(
        f"{numbers.fixed(values.mean(), 1)}%", float(values.mean()), stale=variant.is_stale
    )


def duration(variant: VariantResults) -> Quantity:
    """Mean training time of one run."""
    mean = float(variant.values("train_seconds").mean())
    return Quantity(numbers.duration(mean), mean, stale=variant.is_stale)


def quotient(metric: str, first: VariantResults, second: VariantResults) -> Quantity:
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
    if metric in SHARES:
        return share(variant, metric)
    value = float(variant.values(metric).mean())
    return Quantity(numbers.two_digits(value), value, stale=variant.is_stale)


def _seeds_note(variant: VariantResults) -> str:
    if variant.is_complete:
        return " (one seed)" if len(variant.runs) == 1 else ""
    return f" ({len(variant.runs)} of {counted(len(variant.statuses), 'seed')})"


def _only_shares(metric: str) -> None:
    if metric not in SHARES:
        raise JournalError(
            f"points are differences of accuracies ({', '.join(SHARES)}), not of {metric!r}; "
            "use ratio"
        )
