"""An inline value of a chapter: a number that knows how it is written."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cvlib.journal.errors import MissingResults

# On every number made by code or an environment that changed since; tables and callouts explain it.
STALE_MARK = "†"


@dataclass(frozen=True)
class Quantity:
    """A number as it stands in a sentence. str() gives plain text, a notebook shows Markdown.

    value: in the unit of the text (percent, points, seconds), or None for words; low, high: its
    95% interval where it has one; stale: marked, since what made it changed.
    """

    text: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    stale: bool = False

    def __str__(self) -> str:
        return self.text + STALE_MARK * self.stale

    def __float__(self) -> float:
        if self.value is None:
            raise ValueError(f"{self.text!r} is no number")
        return self.value

    def _repr_markdown_(self) -> str:
        # a line may break before an interval or a remark, but not inside a value
        glued = re.sub(r" (?![(\[])", "\u00a0", self.text)
        italic = re.sub(r"^p(?=\u00a0)", "*p*", markdown(glued))
        return italic + f"^{STALE_MARK}^" * self.stale


@dataclass(frozen=True)
class Skipped(Quantity):
    """Stands for a number that was not made: reads `skipped` or `left out …`, and is no number.

    Asked for what a comparison has, it says the same.
    """

    reason: str = ""

    def __float__(self) -> float:
        raise MissingResults(self.reason)

    @property
    def difference(self) -> Skipped:
        """In place of a comparison's difference."""
        return self

    @property
    def verdict(self) -> str:
        """In place of a comparison's verdict."""
        return self.text

    @property
    def is_significant(self) -> bool:
        """Not known; raises MissingResults with the reason."""
        raise MissingResults(self.reason)


def markdown(text: str) -> str:
    """Plain text as Markdown that reads the same: what would mark up the text is escaped."""
    return re.sub(r"([\\`*_\[\]<>|#$^~@])", r"\\\1", text)


@dataclass(frozen=True)
class Markdown:
    """A block of Markdown, such as a table with its note."""

    text: str

    def __str__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return self.text
