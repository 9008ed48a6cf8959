"""The values of one variant, or of two, that stand in a sentence, and the choice among variants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from cvlib.analysis.efficiency import pareto_front
from cvlib.journal import numbers
from cvlib.journal.cost import COST, cost, cost_metric
from cvlib.journal.errors import JournalError, MissingResults
from cvlib.journal.estimates import IMAGES, is_share, measured, only_shares
from cvlib.journal.handle import of_experiment
from cvlib.journal.quantity import Quantity, Skipped, Words, counts_quantity, keys_of
from cvlib.journal.results import VariantResults, constant, skipped_value, value_of
from cvlib.journal.words import counted, listed, spec_value, value_words

if TYPE_CHECKING:
    from cvlib.journal.estimates import Measured
    from cvlib.journal.results import Name, Results

LOW_IS_BETTER = ("parameters", "flops", "best_epoch")


@of_experiment
def accuracy(results: Results, variant: Name = "base", metric: str = "test_accuracy") -> Quantity:
    """`91.2 ± 0.3%`: mean and 95% interval over seeds and test images.

    `91.2 ± 0.3% (interval over images)` where nothing is random, such as a probe of pretrained
    features; `91.2% (one seed)` where no variant of the experiment has two.

    Example: exp01.accuracy("convs-2")
    """
    return value_of(results, [variant], lambda one: _share(one, metric))


@of_experiment
def last_epoch(results: Results, metric: str, variant: Name = "base") -> Quantity:
    """`94.5%`: train_accuracy or val_accuracy after the last epoch, mean over seeds.

    Example: exp01.last_epoch("train_accuracy")
    """

    def mean(one: VariantResults) -> Quantity:
        only_shares(metric)
        value = float((100 * one.history(metric)[:, -1]).mean())
        return Quantity(f"{numbers.fixed(value, 1)}%", value)

    return value_of(results, [variant], mean)


@of_experiment
def seconds(results: Results, variant: Name = "base", metric: str = COST) -> Quantity:
    """`41 s`: mean training time of one run; of a probe extraction and solving.

    Of the processor or the device where every run of the experiment kept that, else of the clock
    on the wall; a table's note says which.

    Example: exp01.seconds("convs-2")
    """
    found = cost_metric(metric, [*results.variants, results.variant(variant)])
    return value_of(results, [variant], lambda one: _written(numbers.duration, one.mean(found)))


@of_experiment
def parameters(results: Results, variant: Name = "base") -> Quantity:
    """`0.39M`: trained parameters.

    Example: exp01.parameters()
    """
    return value_of(
        results, [variant], lambda one: _written(numbers.compact, constant(one, "parameters"))
    )


@of_experiment
def flops(results: Results, variant: Name = "base") -> Quantity:
    """`8.7 MFLOPs`: forward pass of one image, a multiply-add counted as two.

    Example: exp01.flops()
    """

    def words(value: float) -> str:
        text = numbers.compact(value)
        return f"{text[:-1]} {text[-1]}FLOPs" if text[-1].isalpha() else f"{text} FLOPs"

    return value_of(results, [variant], lambda one: _written(words, constant(one, "flops")))


@of_experiment
def metric(results: Results, name: str, variant: Name = "base") -> Quantity:
    """Any stored metric, mean over seeds with its 95% interval where seeds differ.

    Example: exp04.metric("silhouette", "lite0")
    """

    def mean(one: VariantResults) -> Quantity:
        if is_share(name) or name in one.left_out:
            return _share(one, name)
        found = measured([one], name)
        if found.interval is None:
            return _written(numbers.two_digits, found.mean)
        half = found.interval.half_width
        text = numbers.plus_minus(found.mean, half, numbers.decimals_for(half, most=6))
        return _with_interval(one, found, text)

    return value_of(results, [variant], mean)


@of_experiment
def ratio(results: Results, metric: str, first: Name, second: Name = "base") -> Quantity:
    """`1.8`: mean of a metric of first over that of second, to be followed by `times`.

    metric: `seconds` is the training time that `exp.seconds` shows.

    Example: exp01.ratio("seconds", "depth-4")
    """
    named = [results.variant(first), results.variant(second)]
    found = cost_metric(metric, [*results.variants, *named])
    return value_of(
        results,
        [first, second],
        lambda one, other: _written(numbers.ratio, quotient(one, other, found)),
    )


@of_experiment
def images(results: Results, split: str, variant: Name | None = None) -> Quantity:
    """How many images `train`, `val` or `test` has: `18,000`, or `450–18,000` by variant.

    variant: of this one; None: of all that have results.

    Example: exp01.images("train")
    """
    if split not in ("train", "val", "test"):
        raise JournalError(f"split {split!r}: expected train, val or test")
    chosen = results.variants if variant is None else [results.variant(variant)]
    if all(one.is_skipped for one in chosen):
        return skipped_value(chosen[0])
    shown = results.shown(results.chosen(None)) if variant is None else [chosen[0].need()]
    counts = counts_quantity([_images(one, split) for one in shown])
    return counts.traced(keys_of(shown), shown[0].declared_in)


@of_experiment
def setting(results: Results, key: str, variant: Name = "base") -> Quantity:
    """`0.003`, `one cycle`, `none`: what a variant's spec says at `train.optimizer.lr`, ….

    Also of a variant without results.

    Example: exp01.setting("train.optimizer.lr")
    """
    asked = results.variant(variant)
    found = spec_value(asked, key)
    number = float(found) if isinstance(found, int | float) else None
    return Quantity(value_words(key, found), number, source=asked.declared_in)


@of_experiment
def best(
    results: Results, by: str = "test_accuracy", *, among: Sequence[Name] | None = None
) -> VariantResults:
    """The variant with the highest mean (lowest for losses and times); has .name and .label.

    The best of many by test accuracy is lucky as well as good: say that it was chosen so, or
    choose by val_accuracy. Skipped variants are left out.

    Example: exp01.best("val_accuracy").label
    """
    return best_of(results.shown(results.chosen(among)), by)


@of_experiment
def pareto(results: Results, *variants: Name, by: str = "test_accuracy") -> Variants:
    """`a, b and c`: the variants that no other beats in training time and accuracy.

    Example: exp01.pareto()
    """
    shown = results.shown(results.chosen(variants or None))
    if not shown:
        return Variants()
    seconds, accuracy = _means(shown, cost(shown).metric), _means(shown, by)
    on_front = np.flatnonzero(pareto_front(seconds, accuracy)).tolist()
    in_order = sorted(on_front, key=lambda i: float(seconds[i]))
    return Variants(_chosen(shown[i], shown) for i in in_order)


@of_experiment
def trade_off(
    results: Results,
    within: float = 1.0,
    *,
    by: str = "val_accuracy",
    among: Sequence[Name] | None = None,
) -> VariantResults:
    """The quickest variant whose accuracy is within so many points of the best one's.

    Chosen by validation accuracy, so that its test accuracy is no luckier than any other's.

    Example: exp01.trade_off(1.0).label
    """
    if within < 0:
        raise JournalError(f"within={within:g}: expected points from 0 on, such as 1.0")
    shown = _some(results.shown(results.chosen(among)))
    seconds, points = _means(shown, cost(shown).metric), 100 * _means(shown, by)
    # a hair of room: 91.0 is within 0.5 of 91.5, whatever binary fractions say
    good = np.flatnonzero(points >= points.max() - within - 1e-9).tolist()
    return _chosen(shown[min(good, key=lambda i: (seconds[i], -points[i]))], shown)


class Variants(tuple[VariantResults, ...]):
    """Several variants; reads as their labels: `a, b and c`."""

    __slots__ = ()

    def __str__(self) -> str:
        return listed([variant.label for variant in self], most=len(self))

    def _repr_markdown_(self) -> str:
        runs = dict.fromkeys(key for variant in self for key in variant.chosen_by)
        return Words(str(self), runs)._repr_markdown_()


def is_low_better(metric: str) -> bool:
    """Whether less of a metric is better: losses, times, sizes."""
    return metric.endswith(("loss", "seconds")) or metric in LOW_IS_BETTER


def best_of(shown: Sequence[VariantResults], metric: str) -> VariantResults:
    """The one with the highest mean, or the lowest for losses, times and sizes."""
    sign = -1 if is_low_better(metric) else 1
    return _chosen(max(_some(shown), key=lambda one: sign * one.mean(metric)), shown)


def percent_quantity(variant: VariantResults, found: Measured) -> Quantity:
    """A share in percent with its interval and what there is to say of its seeds."""
    half = found.interval.half_width if found.interval is not None else None
    return _with_interval(variant, found, numbers.percent(found.mean, half))


def quotient(first: VariantResults, second: VariantResults, metric: str) -> float:
    """Mean of a metric of `first` over that of `second`."""
    below = second.mean(metric)
    if below == 0:
        raise JournalError(f"{second.id} has {metric} 0; no ratio to it")
    return first.mean(metric) / below


def _share(variant: VariantResults, metric: str) -> Quantity:
    if metric in variant.left_out:
        reason = f"{variant.id} has no {metric}, so this is no number: {variant.left_out[metric]}."
        return Skipped("left out (too few images)", reason=reason)
    return percent_quantity(variant, measured([variant], metric))


def _with_interval(variant: VariantResults, found: Measured, text: str) -> Quantity:
    remarks = []
    if not variant.is_complete:
        remarks.append(f"{len(variant.runs)} of {counted(len(variant.statuses), 'seed')}")
    elif len(variant.runs) == 1:
        remarks.append("one seed")
    elif found.interval is None:
        remarks.append("every seed")
    if found.over == IMAGES:
        remarks.append("interval over images")
    remark = f" ({', '.join(remarks)})" if remarks else ""
    low, high = (found.interval.low, found.interval.high) if found.interval else (None, None)
    return Quantity(text + remark, found.mean, low, high)


def _written(words: Callable[[float], str], value: float) -> Quantity:
    return Quantity(words(value), value)


def _images(variant: VariantResults, split: str) -> int:
    seed, run = next(iter(variant.need().runs.items()))
    if split == "test" and "test_images" not in run.metrics:
        return len(variant.tested(seed).labels)
    return int(variant.value(f"{split}_images", seed))


def _chosen(variant: VariantResults, among: Sequence[VariantResults]) -> VariantResults:
    return replace(variant, chosen_by=keys_of(among))


def _means(shown: Sequence[VariantResults], metric: str) -> np.ndarray:
    return np.array([variant.mean(metric) for variant in shown])


def _some(shown: Sequence[VariantResults]) -> Sequence[VariantResults]:
    if not shown:
        raise MissingResults(
            "all the variants to choose from were skipped, so none is best; `exp.skipped()` says "
            "why"
        )
    return shown
