"""All findings of one check of a report, as text for a person and as data for a program."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from cvlib.check.finding import Finding, Verdict

_MARKS: dict[Verdict, str] = {"ok": "ok", "note": "note", "failed": "FAILED", "unchecked": "?"}
_MOST = 5  # findings of one kind that are printed
_INDENT = " " * 24


@dataclass(frozen=True)
class Report:
    """`pdf` is the file's path relative to the project where it lies inside."""

    pdf: str
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing failed. What could not be checked did not fail."""
        return not self.of("failed")

    def of(self, verdict: Verdict) -> tuple[Finding, ...]:
        """Return the findings with a verdict."""
        return tuple(finding for finding in self.findings if finding.verdict == verdict)

    def text(self) -> str:
        """One line for what is well, and where and what to do for what is not."""
        lines = [self.pdf]
        for (check, verdict), group in groupby(self.findings, lambda f: (f.check, f.verdict)):
            found = list(group)
            for _, alike in groupby(found[:_MOST], lambda f: f.to_do):
                lines += _lines(list(alike))
            if len(found) > _MOST:
                more = f"and {len(found) - _MOST} more; --json lists all"
                lines.append(f"{_MARKS[verdict]:<7} {check:<15} {more}")
        return "\n".join([*lines, self.summary()])

    def summary(self) -> str:
        """One sentence with the counts."""
        wrong, unknown = self.of("failed"), self.of("unchecked")
        if wrong:
            said = f"{_counted(len(wrong), 'thing')} to mend before this is handed in"
        else:
            said = "ready to hand in"
        names = _names(unknown)
        return f"{said}; not checked: {', '.join(names)}." if names else f"{said}."

    def as_json(self) -> dict[str, Any]:
        """Plain data for CI: `ok`, the PDF, and every finding with all of its keys."""
        return {
            "ok": self.ok,
            "pdf": self.pdf,
            "findings": [finding.as_json() for finding in self.findings],
        }


def _lines(alike: Sequence[Finding]) -> list[str]:
    """Write findings that are mended in one way, and that way once."""
    lines = []
    for finding in alike:
        where = f"{finding.where}: " if finding.where else ""
        head = f"{_MARKS[finding.verdict]:<7} {finding.check:<15} "
        lines.append(_wrapped(where + finding.says, head, _INDENT))
    if to_do := alike[0].to_do:
        lines.append(_wrapped(to_do, _INDENT + "→ ", _INDENT + "  "))
    return lines


def _wrapped(text: str, first: str, following: str) -> str:
    return textwrap.fill(
        text, 100, initial_indent=first, subsequent_indent=following,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'s' * (number != 1)}"


def _names(findings: Sequence[Finding]) -> list[str]:
    return list(dict.fromkeys(finding.check for finding in findings))
