"""The computed tables of a frozen chapter, cell by cell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from cvlib.freeze.expressions import end_of_div
from cvlib.freeze.frozen_chapter import FrozenChapter
from cvlib.freeze.marks import as_read, traced_runs

_BLOCK = re.compile(r"(?:^\|.*\|\n?)+", re.MULTILINE)
_CELL = re.compile(r"(?:\\.|[^|\\])*")


@dataclass(frozen=True)
class FrozenTable:
    """A table that a cell made, at `start`; rows: name and cells; runs: first digits of keys."""

    start: int
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    runs: tuple[str, ...]


def frozen_tables(one: FrozenChapter) -> Iterator[FrozenTable]:
    """Every pipe table that names its runs. Cells that are values of their own are left empty."""
    for found in _BLOCK.finditer(one.markdown):
        lines = found.group(0).strip("\n").split("\n")
        start = one.markdown.rfind("\n:::", 0, found.start()) + 1
        runs = traced_runs(one.markdown[start : end_of_div(one.markdown, start)])
        if runs and len(lines) > 2 and one.made_by(found.start())[0]:
            words = [not cell.strip().endswith(":") for cell in _cells(lines[1])]
            rows = tuple(_row(line, words) for line in lines[2:])
            yield FrozenTable(found.start(), rows, runs)


def _row(line: str, words: list[bool]) -> tuple[str, tuple[str, ...]]:
    """The last of the columns of words names a row: numbers stand to the right."""
    cells = _cells(line)
    named = [as_read(cell) for cell, is_word in zip(cells, words, strict=False) if is_word]
    name = next((text for text in reversed(named) if text), "")
    return name, tuple("" if "]{.value" in cell else as_read(cell) for cell in cells)


def _cells(line: str) -> list[str]:
    # each match is followed by an empty one, at the bar
    return [found.group(0) for found in _CELL.finditer(line.strip().strip("|")) if found.group(0)]
