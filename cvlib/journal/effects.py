"""The effect that a claim of a hypothesis is about: its size, its interval, its p-value.

An interval is over seeds (Student's t, paired by seed), over the images where nothing is random,
or that of the measure. A p-value is of the paired test on the same images (`analysis.paired`), of
test accuracies alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from cvlib.analysis.intervals import Interval, t_interval
from cvlib.analysis.paired import paired_bootstrap, sign_flip_test
from cvlib.journal import numbers
from cvlib.journal.errors import JournalError, NotTested
from cvlib.journal.estimates import is_share, same_images
from cvlib.journal.mistakes import mistakes
from cvlib.journal.quantity import Quantity, Skipped, keys_of
from cvlib.journal.results import VariantResults, shared_seeds

if TYPE_CHECKING:
    from cvlib.studies.hypotheses import Claim

Find = Callable[[str], VariantResults]


@dataclass(frozen=True)
class Effect:
    """What was measured for one claim.

    shown: as the report says it; low, high: ends of its 95% interval, in the unit of the claim's
    margin; p: two-sided, of no difference, not adjusted; None where no test is made; variants: what
    it was computed from.
    """

    shown: Quantity
    low: float
    high: float
    p: float | None
    variants: tuple[VariantResults, ...]


def effect(claim: Claim, find: Find) -> Effect:
    """Measure a claim. find: variant of a name such as `exp02/probe`.

    Raises NotTested where a variant was skipped, a review is missing, or there is one seed and so
    no interval to judge by.
    """
    variants = tuple(find(name) for name in claim.names())
    for variant in variants:
        if variant.is_skipped:
            raise NotTested(f"{variant.id} was skipped")
    if claim.measure is not None:
        found = _measured(claim, variants[0])
    else:
        found = (_ratio if claim.scale == "ratio" else _difference)(claim, variants)
    return replace(found, shown=found.shown.traced(keys_of(variants)))


def _difference(claim: Claim, variants: tuple[VariantResults, ...]) -> Effect:
    signed = list(zip((1, -1, -1, 1), variants, strict=False))
    # first − second − (minus.first − minus.second)
    seeds = shared_seeds(*variants)
    scale = 100 if is_share(claim.metric) else 1
    values = np.array(
        [scale * sum(sign * v.value(claim.metric, seed) for sign, v in signed) for seed in seeds]
    )
    score = _score(claim, signed, seeds)
    if len(seeds) > 1 and np.ptp(values) > 1e-9:
        found = t_interval(values)
        remark = ""
    elif score is not None and all(v.is_deterministic for v in variants):
        over_images = paired_bootstrap(score / len(seeds), seed=0)
        found = Interval(*(100 * end for end in _ends(over_images)))
        remark = " (interval over images)"
    else:
        raise NotTested(f"{len(seeds)} seed, which has no interval")
    text = numbers.difference(found.estimate, found.low, found.high)
    unit = " points" if is_share(claim.metric) else ""
    shown = Quantity(
        f"{text}{unit}{remark}", *_ends(found), stale=any(one.is_stale for one in variants)
    )
    p = sign_flip_test(score) if score is not None else None
    return Effect(shown, found.low, found.high, p, variants)


def _ratio(claim: Claim, variants: tuple[VariantResults, ...]) -> Effect:
    first, second = variants
    seeds = shared_seeds(*variants)
    if len(seeds) < 2:
        raise NotTested(f"{len(seeds)} seed, which has no interval")
    values = np.log(
        [first.value(claim.metric, s) / second.value(claim.metric, s) for s in seeds]
    )  # of logarithms, so that the interval of a/b is that of b/a turned round
    found = Interval(*np.exp(_ends(t_interval(values))))
    low, high = numbers.ratio(found.low), numbers.ratio(found.high)
    text = f"{numbers.ratio(found.estimate)} [{low}, {high}] times"
    shown = Quantity(text, *_ends(found), stale=any(one.is_stale for one in variants))
    return Effect(shown, found.low, found.high, None, variants)


def _measured(claim: Claim, variant: VariantResults) -> Effect:
    found = mistakes(variant)
    if claim.measure == "share_of_errors":
        shown = found.share_of_errors(**claim.options)
    elif claim.measure == "label_error_share":
        shown = found.verdict_share("label-error")
    else:
        shown = found.slices_found()
    if isinstance(shown, Skipped):
        raise NotTested(shown.text)
    low = shown.low if shown.low is not None else float(shown)
    high = shown.high if shown.high is not None else float(shown)
    return Effect(shown, low, high, None, (variant,))


def _score(
    claim: Claim, signed: Sequence[tuple[int, VariantResults]], seeds: Sequence[int]
) -> np.ndarray | None:
    """Signed count of seeds that are right, (N,) whole numbers, an image each; None of other metrics."""
    if claim.metric != "test_accuracy":
        return None
    (_, first), *_others = signed
    total = np.zeros((), dtype=np.int64)
    for sign, variant in signed:
        tested = [variant.tested(seed) for seed in seeds]
        if not same_images(first, variant, [first.tested(seeds[0]), *tested]):
            raise JournalError(
                f"claim {claim.say!r}: {first.id} and {variant.id} were not tested on the "
                "same images, so no paired test compares them"
            )
        total = total + sign * np.sum([one.correct for one in tested], axis=0, dtype=np.int64)
    return total


def _ends(found: Interval) -> tuple[float, float, float]:
    return float(found.estimate), float(found.low), float(found.high)
