"""What a check says, a finding: a verdict, where, and what to do; and all findings of one check."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from cvlib.check.submission import Submission

# note: worth knowing, and no reason to hold the report back; unchecked: says why it could not look
FindingVerdict = Literal["ok", "note", "failed", "unchecked"]
Location = tuple[str, int | None]  # file and line

_MARKS: dict[FindingVerdict, str] = {
    "ok": "ok",
    "note": "note",
    "failed": "FAILED",
    "unchecked": "?",
}
_MOST = 5  # findings of one kind that are printed
_INDENT = " " * 24


@dataclass(frozen=True)
class Finding:
    """One thing that a check found. `check` is filled in by `Check`.

    page counts from 1; file is relative to the project; label is of a figure, table or reference.
    """

    verdict: FindingVerdict
    says: str
    to_do: str = ""
    page: int | None = None
    file: str | None = None
    line: int | None = None
    label: str | None = None
    check: str = ""

    @property
    def where(self) -> str:
        """`page 3`, `report/exp02.qmd:40`, both, or nothing."""
        places = []
        if self.file is not None:
            places.append(self.file if self.line is None else f"{self.file}:{self.line}")
        if self.page is not None:
            places.append(f"page {self.page}")
        return ", ".join(places)


def ok(says: str) -> Finding:
    """All is as it should be; says what was looked at."""
    return Finding("ok", says)


def note(says: str, to_do: str = "", **where: Any) -> Finding:
    """Worth knowing. where: page, file, line, label."""
    return Finding("note", says, to_do, **where)


def failed(says: str, to_do: str, at: Location | None = None, **where: Any) -> Finding:
    """Must be mended before the report is handed in. at: file and line; where: as of `note`."""
    if at is not None:
        where |= {"file": at[0], "line": at[1]}
    return Finding("failed", says, to_do, **where)


def unchecked(says: str, to_do: str = "") -> Finding:
    """Could not be looked at."""
    return Finding("unchecked", says, to_do)


Findings = Generator[Finding, None, str | None]


@dataclass(frozen=True)
class Check:
    """One rule with its name, and whether it reads the PDF.

    find: yields what it finds; returns what it looked at, said where nothing of that failed.
    """

    name: str
    of_pdf: bool
    find: Callable[[Submission], Findings]

    def __call__(self, submission: Submission) -> Iterator[Finding]:
        """All that it finds in what is handed in, in order."""
        findings, has_failed = self.find(submission), False
        while True:
            try:
                finding = next(findings)
            except StopIteration as end:
                if end.value is not None and not has_failed:
                    yield replace(ok(end.value), check=self.name)
                return
            has_failed = has_failed or finding.verdict == "failed"
            yield replace(finding, check=self.name)


def check(name: str, *, of_pdf: bool = False) -> Callable[[Any], Check]:
    """Make a rule of a function, see `Check`."""
    return partial(Check, name, of_pdf)


@dataclass(frozen=True)
class Report:
    """All findings. `pdf` is the file's path relative to the project where it lies inside."""

    pdf: str
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing failed. What could not be checked did not fail."""
        return not self.of("failed")

    def of(self, verdict: FindingVerdict) -> tuple[Finding, ...]:
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
        said, wrong = "ready to hand in", len(self.of("failed"))
        if wrong:
            said = f"{wrong} thing{'s' * (wrong != 1)} to mend before this is handed in"
        names = dict.fromkeys(finding.check for finding in self.of("unchecked"))
        return f"{said}; not checked: {', '.join(names)}." if names else f"{said}."

    def as_json(self) -> dict[str, Any]:
        """Plain data for CI: `ok`, the PDF, and every finding with all of its keys."""
        findings = [asdict(finding) for finding in self.findings]
        return {"ok": self.ok, "pdf": self.pdf, "findings": findings}


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
