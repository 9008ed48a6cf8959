"""What a check says: a verdict, where, and what to do."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

# note: worth knowing, and no reason to hold the report back; unchecked: says why it could not look
Verdict = Literal["ok", "note", "failed", "unchecked"]


@dataclass(frozen=True)
class Finding:
    """One thing that a check found. `check` is filled in by `check_report`.

    page counts from 1; file is relative to the project; label is of a figure, table or reference.
    """

    verdict: Verdict
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

    def as_json(self) -> dict[str, Any]:
        """Plain data, every key there."""
        return asdict(self)


def ok(says: str) -> Finding:
    """All is as it should be; says what was looked at."""
    return Finding("ok", says)


def note(says: str, to_do: str = "", **where: Any) -> Finding:
    """Worth knowing."""
    return Finding("note", says, to_do, **where)


def failed(says: str, to_do: str, **where: Any) -> Finding:
    """Must be mended before the report is handed in."""
    return Finding("failed", says, to_do, **where)


def unchecked(says: str, to_do: str = "") -> Finding:
    """Could not be looked at."""
    return Finding("unchecked", says, to_do)
