"""The places of a report that show a value, and what each comes from."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Sequence

from cvlib.engine.errors import RenderError
from cvlib.freeze.frozen_chapter import FrozenChapter
from cvlib.freeze.frozen_tables import frozen_tables
from cvlib.freeze.marks import as_read
from cvlib.freeze.trace_place import Place

Fits = Callable[[list[str], list[str]], bool]

_ALIKE = str.maketrans({"−": "-", "–": "-", "—": "-", "×": "x", "†": " ", "\u00a0": " "})


def places_of_value(frozen: list[FrozenChapter], what: str) -> list[Place]:
    """The places that match best: the very words, else those that begin with the same number."""
    wanted = tokens_of(what)
    if not wanted:
        raise RenderError(f"{what!r}: expected a value such as 91.6%, or a label such as fig-exp02")
    for fits in (_same, _holds):

        def shows(text: str, fits: Fits = fits) -> bool:
            return fits(tokens_of(text), wanted)

        if found := [place for one in frozen for place in _places(one, shows)]:
            return found
    return []


def _places(one: FrozenChapter, shows: Callable[[str], bool]) -> Iterator[Place]:
    for mark in one.marks:
        if shows(mark.text):
            yield _place("value", one, mark.start, mark.text, mark.runs, mark.source)
    for table in frozen_tables(one):
        hits = {name: cell for name, cells in table.rows for cell in cells if shows(cell)}
        if hits:
            rows = f"in the row{'s' * (len(hits) != 1)} {'; '.join(hits)}"
            text = f"{next(iter(hits.values()))} ({rows})"
            yield _place("row", one, table.start, text, table.runs)


def _place(
    kind: str,
    one: FrozenChapter,
    start: int,
    shown: str,
    runs: tuple[str, ...],
    source: str = "",
) -> Place:
    expression, line = one.made_by(start)
    heading = one.heading(start)
    return Place(kind, shown, one.chapter.file, line, heading, expression, runs, source)


def nearest_values(what: str, values: Sequence[str], most: int = 4) -> list[str]:
    """The values whose number is nearest to that of `what`; of words, the closest spellings."""
    wanted = _number(what)
    if wanted is None:
        return difflib.get_close_matches(what, values, n=most, cutoff=0.3) or list(values[:most])
    numbered = [(abs(number - wanted), v) for v in values if (number := _number(v)) is not None]
    return [value for _, value in sorted(numbered)[:most]]


def _number(text: str) -> float | None:
    found = next((token for token in tokens_of(text) if token[-1].isdigit()), None)
    return float(found) if found is not None else None


def tokens_of(text: str) -> list[str]:
    """`91.6 ± 1.2%` as 91.6, ±, 1.2, %; numbers without their thousands' commas."""
    plain = as_read(text).translate(_ALIKE).lower()
    plain = re.sub(r"(?<=\d),(?=\d{3}\b)", "", plain)
    return re.findall(r"[-+]?\d+(?:\.\d+)?|[^\W\d_]+|[±%<>=]", plain)


def _same(tokens: list[str], wanted: list[str]) -> bool:
    return tokens == wanted


def _holds(tokens: list[str], wanted: list[str]) -> bool:
    """Whether it begins with the same number, whatever its sign, and the rest stands behind it."""
    first, *rest = (token.lstrip("+-") for token in wanted)
    there = [token.lstrip("+-") for token in tokens]
    if not there or there[0] != first:
        return False
    behind = iter(there[1:])
    return all(token in behind for token in rest)
