"""What may be claimed of several comparisons made together, and of a hypothesis of several claims."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from cvlib.analysis.estimate import LEVEL
from cvlib.analysis.intervals import Interval

Verdict = Literal["supported", "refuted", "undecided"]


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values of comparisons made together, so that any false claim has the stated chance.

    The k-th smallest of m is multiplied by m - k + 1, then none may be below a smaller one's.
    Source: Holm, Scand. J. Statist. 6(2), 1979.
    """
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def claim_verdict(
    interval: Interval,
    margin: float,
    expect: str,
    p: float | None = None,
    level: float = LEVEL,
) -> Verdict:
    """Judge one claim by where its interval lies.

    margin: in the unit of the interval; expect: `above` or `below` it. p: two-sided, of a value that
    equals the margin, adjusted for what was tested beside it; None where the measure has none.
    Where there is one, both must agree. level: of the interval and of p.
    """
    if p is not None and p >= level:
        return "undecided"
    if interval.low > margin:
        return "supported" if expect == "above" else "refuted"
    if interval.high < margin:
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
