"""Counts of how faults ended, and the line of the table that they make."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Tally:
    """fault: what was done; figure: what is counted as good."""

    fault: str
    figure: str
    goods: int = 0
    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def good(self) -> None:
        """It ended as it should."""
        self.goods += 1

    def bad(self, what: str) -> None:
        """It did not; `what` says which and how."""
        self.wrong.append(what)

    @property
    def count(self) -> int:
        """All that were tried."""
        return self.goods + len(self.wrong)

    def line(self) -> str:
        """A row of the table."""
        notes = "; ".join(self.notes)
        return f"| {self.fault} | {self.goods} of {self.count} {self.figure}{'. ' * bool(notes)}{notes} |"
