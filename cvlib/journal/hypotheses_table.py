"""Hypotheses as a list for the Description, and their verdicts as a table for the Summary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cvlib.journal import numbers
from cvlib.journal.errors import JournalError
from cvlib.journal.quantity import Markdown, markdown
from cvlib.journal.table_note import noted

if TYPE_CHECKING:
    from cvlib.journal.hypotheses import Judged, JudgedHypothesis
    from cvlib.studies.hypotheses import Hypothesis

NBSP = "\u00a0"
_SIDE = {"above": "more than", "below": "less than"}


def listing(declared: Sequence[Hypothesis]) -> Markdown:
    """`H1, capacity.` with the statement, one a hypothesis."""
    items = [
        f"{markdown(one.id)}, {markdown(one.title)}.\n:   {markdown(one.statement)}"
        for one in declared
    ]
    return Markdown("\n\n".join(items), ())


def verdicts_table(
    judged: Sequence[JudgedHypothesis], most: int, runs: tuple[str, ...]
) -> Markdown:
    """A row a hypothesis with at most so many claims, and below what its words mean.

    Claims that do not hold come before those that do; what is left out is counted. runs: keys of
    those that the verdicts were computed from.
    """
    if most < 1:
        raise JournalError(f"most {most!r}: expected at least 1 claim")
    rows = [_row(one, most) for one in judged]
    # the widths of the dashes are those of the columns where a cell wraps
    head = "| Hypothesis | Verdict | What was measured | Shown in |"
    rule = f"|:{'-' * 14}|:{'-' * 9}|:{'-' * 62}|:{'-' * 9}|"
    lines = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return noted(f"{head}\n{rule}\n{lines}", [_note(judged)], runs)


def _row(one: JudgedHypothesis, most: int) -> tuple[str, str, str, str]:
    declared = one.declared
    alone = len(one.claims) == 1
    telling = sorted(one.claims, key=lambda claim: claim.verdict == "supported")[:most]
    measured = "; ".join(_claim(claim, alone) for claim in one.claims if claim in telling)
    if left := len(one.claims) - len(telling):
        hold = all(c.verdict == "supported" for c in one.claims if c not in telling)
        measured += f"; {left} more" + (" hold" if left > 1 else " holds") * hold
    where = f"@{declared.shown}" if declared.shown else f"@sec-{declared.experiment}"
    return f"{declared.id}, {markdown(declared.title)}", one._repr_markdown_(), measured, where


def _claim(judged: Judged, alone: bool) -> str:
    """`fine-tuned less probe +2.98 [2.08, 3.88] points, p < 0.001`; what does not hold says so."""
    say = _bars(markdown(judged.claim.say))
    if judged.effect is None:
        return f"{say}: not tested ({_bars(markdown(judged.reason))})"
    text = f"{say} {_bars(judged.effect.shown._repr_markdown_())}"
    if judged.claim.margin:
        text += f" (expected: {_SIDE[judged.claim.expect]} {_number(judged.claim.margin)})"
    if judged.p is not None:
        text += f", {_bars(markdown(numbers.p_value(judged.p))).replace(' ', NBSP)}"
    if not alone and judged.verdict != "supported":
        text += f", {judged.verdict}"
    return text


def _note(judged: Sequence[JudgedHypothesis]) -> str:
    adjusted = any(one.p is not None for each in judged for one in each.claims)
    test = (
        ", and for accuracies the paired test on the same images, Holm-adjusted within a hypothesis, "
        "has p < 0.05"
        if adjusted
        else ""
    )
    return (
        "Supported: every claim's 95% interval lies on the side that was expected"
        f"{test}; refuted: one claim's lies on the other side; else undecided. Brackets: intervals "
        "over seeds, those of shares over images."
    )


def _number(value: float) -> str:
    return numbers.fixed(value, 0 if float(value).is_integer() else 1)


def _bars(text: str) -> str:
    """A bar ends a table's cell, unless it is escaped already."""
    return text.replace("\\|", "|").replace("|", "\\|")
