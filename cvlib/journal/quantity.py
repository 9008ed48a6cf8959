"""What a chapter shows: values that know how they are written, and where they come from.

A value in a sentence is a span `[91.6%]{.value exact="91.58" runs="03234b5f94 0715fed6b6"}`, or
`[3]{.value source="experiments/exp01.yaml"}` where no run says it; a table's note ends with an
empty span `[]{.traced runs="…"}`; a figure's file has `runs: …` in its description. None of it is
seen in a PDF. `cvlib trace` reads it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cvlib.journal.errors import MissingResults
from cvlib.markup import markdown

if TYPE_CHECKING:
    from typing_extensions import Self

    from cvlib.journal.results import VariantResults

# On every number made by code or an environment that changed since; tables and callouts explain it.
STALE_MARK = "†"
_VALUE_WORDS = 9  # `86 of 2,000 images (4.30% [3.50, 5.28])`
DIGITS = 10  # of a run's key: enough to tell a million runs apart
DESCRIBED, NO_GLYPH = "runs: ", "no glyph: "


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

    def traced(self, runs: Iterable[str] = (), source: str = "", stale: bool = False) -> Self:
        """The same value; these runs and this file are named as its origin, too."""
        together = tuple(dict.fromkeys([*self.runs, *runs]))
        return replace(self, runs=together, source=self.source or source, stale=self.stale or stale)

    def of(self, *variants: VariantResults, source: str = "") -> Self:
        """The same value, computed from these variants: marked where one of them is stale."""
        return self.traced(keys_of(variants), source, any(one.is_stale for one in variants))

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
        exact = f"{self.value:.10g}" if isinstance(self.value, int | float) else ""
        shown = italic + f"^{STALE_MARK}^" * self.stale
        return _value_span(shown, self.runs, self.source, exact)


@dataclass(frozen=True)
class Skipped(Quantity):
    """Stands for a number that was not made: reads `skipped` or `left out …`, and is no number.

    Asked for what a comparison has, it says the same.
    """

    reason: str = ""

    def traced(self, runs: Iterable[str] = (), source: str = "", stale: bool = False) -> Self:
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
        return _value_span(markdown(str(self)), self.runs, self.source)


@dataclass(frozen=True)
class Markdown:
    """A block of Markdown, such as a table with its note. runs: of what it shows, `()` for none."""

    text: str
    runs: tuple[str, ...]

    def __str__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        if not self.runs:
            return self.text
        # a mark behind the last cell of a table would be part of it
        ends_with_table = self.text.rsplit("\n", 1)[-1].startswith("|")
        mark = f'[]{{.traced runs="{short_names(self.runs)}"}}'
        return self.text + "\n\n" * ends_with_table + mark


def pipe_table(head: Sequence[str], rows: Iterable[Sequence[str]], align: str) -> str:
    """A table by tabulate. align: one of l or r for each column. Cells are plain text."""
    from tabulate import tabulate

    return tabulate(
        [[markdown(text) for text in row] for row in rows],
        headers=[markdown(text) for text in head],
        tablefmt="pipe",
        colalign=[{"l": "left", "r": "right"}[letter] for letter in align],
        disable_numparse=True,
    )


def keys_of(variants: Iterable[VariantResults]) -> tuple[str, ...]:
    """Keys of the runs that hold the results of these variants, each once, in order."""
    found = (run.key for variant in variants for run in variant.runs.values())
    return tuple(dict.fromkeys(found))


def _value_span(shown: str, runs: tuple[str, ...], source: str, exact: str = "") -> str:
    """The Markdown of a value with its origin around it; alone where it has none.

    exact: the number before it was rounded, by which `cvlib check` finds two roundings of one.
    """
    origin = f' runs="{short_names(runs)}"' * bool(runs) + f' source="{source}"' * bool(source)
    origin = f' exact="{exact}"' * bool(exact and origin) + origin
    return f"[{shown}]{{.value{origin}}}" if origin else shown


def description(runs: Iterable[str], without_glyph: str = "") -> str:
    """For the metadata of a picture: `runs: 03234b5f94 0715fed6b6; no glyph: U+732B`; '' without any."""
    names, codes = short_names(runs), " ".join(f"U+{ord(c):04X}" for c in without_glyph)
    return "; ".join([f"{DESCRIBED}{names}"] * bool(names) + [f"{NO_GLYPH}{codes}"] * bool(codes))


def short_names(runs: Iterable[str]) -> str:
    """`03234b5f94 0715fed6b6`."""
    return " ".join(dict.fromkeys(key[:DIGITS] for key in runs))


def counts_quantity(counts: Sequence[int]) -> Quantity:
    """`18,000`, or the smallest and the largest, `450–18,000`, which has no value."""
    low, high = min(counts), max(counts)
    if low == high:
        return Quantity(f"{low:,}", low)
    return Quantity(f"{low:,}–{high:,}", None, low, high)
