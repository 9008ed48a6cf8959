"""What was measured for the claims of a hypothesis, with its interval and p-value, and the verdicts.

Intervals and p-values are those of `journal.estimates`; those of mistakes are the measure's own, and
have no p.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from cvlib.analysis.estimate import LEVEL
from cvlib.analysis.intervals import Interval
from cvlib.analysis.verdicts import Verdict, claim_verdict, holm
from cvlib.journal import numbers
from cvlib.journal.cost import cost_metric
from cvlib.journal.errors import NotTested
from cvlib.journal.estimates import difference_quantity, is_share, log_ratio, measured
from cvlib.journal.handle import mistakes
from cvlib.journal.quantity import Quantity, Skipped
from cvlib.journal.results import VariantResults

if TYPE_CHECKING:
    from cvlib.analysis.estimate import Estimate
    from cvlib.studies.hypotheses import Claim

Find = Callable[[str], VariantResults]


@dataclass(frozen=True)
class Judged:
    """One claim with what was measured for it, in the unit of its margin, or why it was not tested.

    shown: as the report says it, with its interval; estimate: of that value, a ratio's of its
    logarithm, None of a measure of mistakes; variants: what it was computed from; p: two-sided, of a
    value that equals the margin.
    """

    claim: Claim
    shown: Quantity | None = None
    estimate: Estimate | None = None
    variants: tuple[VariantResults, ...] = ()
    p: float | None = None
    verdict: Verdict | None = None
    reason: str = ""


def judged(claims: Iterable[Claim], find: Find, level: float = LEVEL) -> tuple[Judged, ...]:
    """Measure and judge claims; p-values are Holm-adjusted for all of them together.

    find: variant of a name such as `exp02/probe`. A claim is not tested where a variant was skipped,
    a review is missing, or there is one seed and so no interval to judge by. level: of intervals and
    p-values; those of measures of mistakes have 95%.
    """
    found = []
    for claim in claims:
        try:
            found.append(_measured(claim, find, level))
        except NotTested as why:
            found.append(Judged(claim, reason=str(why)))
    adjusted = iter(holm([one.p for one in found if one.p is not None]))
    for place, one in enumerate(found):
        if one.shown is not None:
            p = None if one.p is None else next(adjusted)
            value = float(one.shown)
            low, high = (value if end is None else end for end in (one.shown.low, one.shown.high))
            ends = Interval(value, low, high)
            verdict = claim_verdict(ends, one.claim.margin, one.claim.expect, p, level)
            found[place] = replace(one, p=p, verdict=verdict)
    return tuple(found)


def _measured(claim: Claim, find: Find, level: float) -> Judged:
    variants = tuple(find(name) for name in claim.names())
    for variant in variants:
        if variant.is_skipped:
            raise NotTested(f"{variant.id} was skipped")
    if claim.measure is not None:
        shown = _of_mistakes(claim, variants[0])
        return Judged(claim, shown.of(*variants), variants=variants)
    metric = cost_metric(claim.metric, variants)
    if claim.scale == "ratio":
        found = log_ratio(variants[0], variants[1], metric)
    else:
        difference = measured(variants, metric)
        found = difference.estimate
    if found is None:
        raise NotTested("one seed, which has no interval")
    if claim.scale == "ratio":
        shown = _ratio(found, level)
    else:
        difference = difference._replace(interval=found.interval(level))
        shown = difference_quantity(difference, "points" if is_share(metric) else "")
    return Judged(claim, shown.of(*variants), found, variants, found.p(margin_of(claim)))


def margin_of(claim: Claim) -> float:
    """The margin in the unit of the claim's estimate: a ratio's is its logarithm."""
    return math.log(claim.margin) if claim.scale == "ratio" else claim.margin


def _ratio(of_logs: Estimate, level: float) -> Quantity:
    interval = of_logs.interval(level)
    ends = np.exp([interval.estimate, interval.low, interval.high]).tolist()
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
