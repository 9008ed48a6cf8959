"""An inline value of a chapter: a number that knows how it is written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cvlib.journal.errors import MissingResults
from cvlib.journal.origin import traced_span, value_span

if TYPE_CHECKING:
    from typing_extensions import Self

# On every number made by code or an environment that changed since; tables and callouts explain it.
STALE_MARK = "†"
_VALUE_WORDS = 9  # `86 of 2,000 images (4.30% [3.50, 5.28])`


@dataclass(frozen=True)
class Quantity:
    """A number as it stands in a sentence. str() gives plain text, a notebook shows Markdown.

    value: in the unit of the text (percent, points, seconds), or None for words; low, high: its
    95% interval where it has one; stale: marked, since what made it changed; runs: keys of the
    runs that it was computed from; source: the file that says it, where no run does.
    """

    text: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    stale: bool = False
    runs: tuple[str, ...] = ()
    source: str = ""

    def traced(self, runs: Iterable[str] = (), source: str = "") -> Self:
        """The same value; these runs and this file are named as its origin, too."""
        together = tuple(dict.fromkeys([*self.runs, *runs]))
        return replace(self, runs=together, source=self.source or source)

    def __str__(self) -> str:
        return self.text + STALE_MARK * self.stale

    def __float__(self) -> float:
        if self.value is None:
            raise ValueError(f"{self.text!r} is no number")
        return self.value

    def _repr_markdown_(self) -> str:
        # a line may break before an interval or a remark, but not inside a value; a sentence may
        is_value = len(self.text.split()) <= _VALUE_WORDS
        glued = re.sub(r" (?![(\[])", "\u00a0", self.text) if is_value else self.text
        italic = re.sub(r"^p(?=\u00a0)", "*p*", markdown(glued))
        return value_span(italic + f"^{STALE_MARK}^" * self.stale, self.runs, self.source)


@dataclass(frozen=True)
class Skipped(Quantity):
    """Stands for a number that was not made: reads `skipped` or `left out …`, and is no number.

    Asked for what a comparison has, it says the same.
    """

    reason: str = ""

    def traced(self, runs: Iterable[str] = (), source: str = "") -> Self:
        """Itself: no run says what was not made."""
        return self

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


class Words(str):
    """Words with their origin: plain text to all but a notebook, which shows Markdown."""

    __slots__ = ("runs", "source")
    runs: tuple[str, ...]
    source: str

    def __new__(cls, text: str, runs: Iterable[str] = (), source: str = "") -> Words:
        """Words as they stand in a sentence. runs, source: as of a Quantity."""
        made = super().__new__(cls, text)
        made.runs = tuple(runs)
        made.source = source
        return made

    def _repr_markdown_(self) -> str:
        return value_span(markdown(str(self)), self.runs, self.source)


def markdown(text: str) -> str:
    """Plain text as Markdown that reads the same: what would mark up the text is escaped."""
    return re.sub(r"([\\`*_\[\]<>|#$^~@])", r"\\\1", text)


@dataclass(frozen=True)
class Markdown:
    """A block of Markdown, such as a table with its note. runs: of what it shows, `()` for none."""

    text: str
    runs: tuple[str, ...]

    def __str__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        if not (mark := traced_span(self.runs)):
            return self.text
        # a mark behind the last cell of a table would be part of it
        ends_with_table = self.text.rsplit("\n", 1)[-1].startswith("|")
        return self.text + "\n\n" * ends_with_table + mark
