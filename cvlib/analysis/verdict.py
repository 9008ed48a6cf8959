"""What an effect with its interval says of a claim: supported, refuted, or undecided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

Verdict = Literal["supported", "refuted", "undecided"]
LEVEL = 0.05


def claim_verdict(
    low: float, high: float, margin: float, expect: str, p: float | None = None
) -> Verdict:
    """Judge one claim by where its 95% interval lies.

    low, high: ends of the interval, in the unit of `margin`; expect: `above` or `below` the margin.
    p: of a two-sided test of no difference on the same images, adjusted for what was tested beside
    it; None where there is none, or the margin is not 0. Where there is one, an interval over seeds
    that leaves the margin out is not enough: both must agree.
    """
    if p is not None and p >= LEVEL:
        return "undecided"
    if low > margin:
        return "supported" if expect == "above" else "refuted"
    if high < margin:
        return "supported" if expect == "below" else "refuted"
    return "undecided"


def joint_verdict(claims: Sequence[Verdict]) -> Verdict:
    """Judge a hypothesis: refuted when one claim is, supported when all are.

    Asking that all hold needs no correction for their number (an intersection-union test: Berger,
    Technometrics 24(4), 1982); that one fails does, so p-values come adjusted.
    """
    if "refuted" in claims:
        return "refuted"
    return "supported" if set(claims) == {"supported"} else "undecided"
