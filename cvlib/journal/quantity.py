"""An inline value of a chapter: a number that knows how it is written."""

from __future__ import annotations

import re
from dataclasses import dataclass

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
        return markdown(self.text) + f"^{STALE_MARK}^" * self.stale


def markdown(text: str) -> str:
    """Plain text as Markdown that reads the same and keeps a number, its interval and unit together."""
    escaped = re.sub(r"([\\`*_\[\]<>|#$^~@])", r"\\\1", text)
    # the blank inside a value must not break; in a longer text the others may
    glued = re.sub(
        r"(?<=[\d%\]]) (?=[±\[(]|s\b|min\b|h\b|points\b|[MG]?FLOPs\b)", "\u00a0", escaped
    )
    glued = re.sub(r"(?<=[±=,]) (?=[\d+−])", "\u00a0", glued)
    return re.sub(r"\bp (=|\\<) ?", "*p*\u00a0\\1\u00a0", glued)


@dataclass(frozen=True)
class Markdown:
    """A block of Markdown, such as a table with its note."""

    text: str

    def __str__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return self.text
