"""What was measured for the claims of a hypothesis, with its interval and p-value, and the verdicts.

An interval is over seeds (Student's t, paired by seed), over the images where nothing is random,
or that of the measure. A p-value is of the paired test on the same images (`analysis.paired`), of
test accuracies alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from cvlib.analysis.intervals import t_interval
from cvlib.analysis.paired import Verdict, claim_verdict, holm, sign_flip_test
from cvlib.journal import numbers
from cvlib.journal.cost import cost_metric
from cvlib.journal.errors import NotTested
from cvlib.journal.estimates import is_share, of_difference, right_more_often
from cvlib.journal.handle import mistakes
from cvlib.journal.quantity import Quantity, Skipped
from cvlib.journal.results import VariantResults, shared_seeds

if TYPE_CHECKING:
    from cvlib.studies.hypotheses import Claim

Find = Callable[[str], VariantResults]


@dataclass(frozen=True)
class Judged:
    """One claim with what was measured for it, in the unit of its margin, or why it was not tested.

    shown: as the report says it, with its 95% interval; variants: what it was computed from; p:
    two-sided, of no difference, None where no test is made or the margin is not 0.
    """

    claim: Claim
    shown: Quantity | None = None
    variants: tuple[VariantResults, ...] = ()
    p: float | None = None
    verdict: Verdict | None = None
    reason: str = ""


def judged(claims: Iterable[Claim], find: Find) -> tuple[Judged, ...]:
    """Measure and judge claims; p-values are Holm-adjusted for all of them together.

    find: variant of a name such as `exp02/probe`. A claim is not tested where a variant was skipped,
    a review is missing, or there is one seed and so no interval to judge by.
    """
    found = []
    for claim in claims:
        try:
            found.append(_measured(claim, find))
        except NotTested as why:
            found.append(Judged(claim, reason=str(why)))
    adjusted = iter(holm([one.p for one in found if one.p is not None]))
    for place, one in enumerate(found):
        if one.shown is not None:
            p = None if one.p is None else next(adjusted)
            low, high = (
                float(one.shown) if end is None else end for end in (one.shown.low, one.shown.high)
            )
            verdict = claim_verdict(low, high, one.claim.margin, one.claim.expect, p)
            found[place] = replace(one, p=p, verdict=verdict)
    return tuple(found)


def _measured(claim: Claim, find: Find) -> Judged:
    variants = tuple(find(name) for name in claim.names())
    for variant in variants:
        if variant.is_skipped:
            raise NotTested(f"{variant.id} was skipped")
    p = None
    if claim.measure is not None:
        shown = _of_mistakes(claim, variants[0])
    elif claim.scale == "ratio":
        shown = _ratio(claim, *variants)
    else:
        shown = _difference(claim, variants)
        if claim.metric == "test_accuracy":
            p = sign_flip_test(right_more_often(variants, f"claim {claim.say!r}: "))
    return Judged(claim, shown.of(*variants), variants, None if claim.margin else p)


def _difference(claim: Claim, variants: tuple[VariantResults, ...]) -> Quantity:
    metric = cost_metric(claim.metric, variants)
    _mean, interval, over = of_difference(*variants, metric=metric)
    if interval is None:
        raise NotTested(f"{len(shared_seeds(*variants))} seed, which has no interval")
    ends = interval.estimate, interval.low, interval.high
    text = numbers.difference(*ends)
    text += " points" * is_share(claim.metric) + " (interval over images)" * (over == "images")
    return Quantity(text, *ends)


def _ratio(claim: Claim, first: VariantResults, second: VariantResults) -> Quantity:
    seeds = shared_seeds(first, second)
    if len(seeds) < 2:
        raise NotTested(f"{len(seeds)} seed, which has no interval")
    metric = cost_metric(claim.metric, (first, second))
    values = np.log(
        [first.value(metric, s) / second.value(metric, s) for s in seeds]
    )  # of logarithms, so that the interval of a/b is that of b/a turned round
    found = t_interval(values)
    ends = np.exp([found.estimate, found.low, found.high]).tolist()
    ratio, low, high = map(numbers.ratio, ends)
    return Quantity(f"{ratio} [{low}, {high}] times", *ends)


def _of_mistakes(claim: Claim, variant: VariantResults) -> Quantity:
    found = mistakes(variant)
    if claim.measure == "share_of_errors":
        shown = found.share_of_errors(**claim.options)
    elif claim.measure == "label_error_share":
        shown = found.verdict_share("label-error")
    else:
        shown = found.slices_found()
    if isinstance(shown, Skipped):
        raise NotTested(shown.text)
    return shown
