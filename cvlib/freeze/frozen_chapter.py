"""A chapter beside its frozen copy: its values and tables, and which expression made each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cvlib.engine.chapter import Chapter
from cvlib.engine.pictures import picture_description
from cvlib.freeze.align import Alignment, align, end_of_div, lines_outside_code
from cvlib.freeze.freshness import frozen_copy
from cvlib.freeze.frozen_copy import FrozenCopy
from cvlib.freeze.marks import Mark, as_read, traced_runs, values_in
from cvlib.journal.quantity import DESCRIBED, NO_GLYPH

if TYPE_CHECKING:
    from cvlib.engine.book import Target
    from cvlib.project import Project

_HEADING = re.compile(r"^#{1,6} +(?P<text>.*?)(?: +\{[^{}]*\})? *$")
_TABLE = re.compile(r"(?:^\|.*\|\n?)+", re.MULTILINE)
_TABLE_CELL = re.compile(r"(?:\\.|[^|\\])*")


@dataclass(frozen=True)
class FrozenTable:
    """A table that a cell made, at `start`; rows: name and cells; runs: first digits of keys."""

    start: int
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    runs: tuple[str, ...]


@dataclass(frozen=True)
class FrozenChapter:
    """A parsed chapter and its frozen copy; None: it has none.

    Everything is read when it is first asked for, and once. Raises RenderError for a damaged copy.
    """

    chapter: Chapter
    copy: FrozenCopy | None

    @property
    def folder(self) -> Path | None:
        """Where the frozen copy lies."""
        return None if self.copy is None else self.copy.folder

    @property
    def file(self) -> str:
        """The chapter's file, relative to the project."""
        return self.chapter.file

    @cached_property
    def typst(self) -> str | None:
        """The executed markdown for the PDF; None if that is not frozen."""
        return self._read("typ")

    @cached_property
    def html(self) -> str | None:
        """The executed markdown for the pages; None if that is not frozen."""
        return self._read("html")

    def _read(self, target: Target) -> str | None:
        frozen = None if self.copy is None else self.copy.read(target)
        return None if frozen is None else frozen.markdown

    @cached_property
    def markdown(self) -> str:
        """What it says: for the PDF if that is frozen, else for the pages; '' without a copy."""
        return self.typst or self.html or ""

    @cached_property
    def alignment(self) -> Alignment:
        """Which part of the chapter made which piece of `markdown`."""
        return align(self.chapter, self.markdown)

    @cached_property
    def values(self) -> list[Mark]:
        """The values of `markdown` that say where they come from."""
        return values_in(self.markdown)

    @cached_property
    def tables(self) -> list[FrozenTable]:
        """The pipe tables that name their runs. Cells that are values of their own are left empty."""
        found = []
        for table in _TABLE.finditer(self.markdown):
            lines = table.group(0).strip("\n").split("\n")
            start = self.markdown.rfind("\n:::", 0, table.start()) + 1
            runs = traced_runs(self.markdown[start : end_of_div(self.markdown, start)])
            if runs and len(lines) > 2 and self.made_by(table.start())[0]:
                words = [not cell.strip().endswith(":") for cell in _cells(lines[1])]
                rows = tuple(_row(line, words) for line in lines[2:])
                found.append(FrozenTable(table.start(), rows, runs))
        return found

    @cached_property
    def _headings(self) -> list[tuple[int, str]]:
        return list(headings(self.markdown))

    def heading(self, position: int) -> str:
        """The last heading before a place of `markdown`."""
        before = [text for place, text in self._headings if place <= position]
        return before[-1] if before else ""

    def made_by(self, position: int) -> tuple[str, int | None]:
        """Expression and line of what stands at a place of `markdown`: an inline value's, or a cell's."""
        made = self.alignment.made_by(position)
        if made is None:
            return "", None
        if made.kind != "cell":
            return made.source, made.line
        lines = (line.strip() for line in made.source.strip().split("\n"))
        code = "; ".join(line for line in lines if not line.startswith(("import ", "from ")))
        return code, made.line

    def runs_of_pictures(self, markdown: str) -> Iterator[str]:
        """The runs that the pictures of cells, shown in a piece of its markdown, describe."""
        files = re.escape(Path(self.file).stem) + r"_files/"
        for name in re.findall(rf"\]\({files}([^)\s]+)\)", markdown):
            if self.folder is not None and (path := self.folder / name).is_file():
                yield from described_runs(path)


def frozen_chapter(project: Project, file: str) -> FrozenChapter:
    """A chapter of the project beside its frozen copy. Raises as `Project.chapter`."""
    return FrozenChapter(project.chapter(file), frozen_copy(project, file))


def described_runs(picture: Path) -> list[str]:
    """The runs that a picture's file names in its description."""
    return _described(picture, DESCRIBED)


def letters_lost(picture: Path) -> str:
    """The letters that no font had when a picture was drawn."""
    return "".join(chr(int(code[2:], 16)) for code in _described(picture, NO_GLYPH))


def _described(picture: Path, what: str) -> list[str]:
    try:
        parts = picture_description(picture).split("; ")
    except ValueError:
        return []  # it is damaged: the check of the pictures says so
    return next((part.removeprefix(what).split() for part in parts if part.startswith(what)), [])


def headings(markdown: str) -> Iterator[tuple[int, str]]:
    """Position and text of every heading outside code."""
    for position, line in lines_outside_code(markdown):
        if found := _HEADING.match(line):
            yield position, as_read(found["text"])


def _row(line: str, words: list[bool]) -> tuple[str, tuple[str, ...]]:
    """The last of the columns of words names a row: numbers stand to the right."""
    cells = _cells(line)
    named = [as_read(cell) for cell, is_word in zip(cells, words, strict=False) if is_word]
    name = next((text for text in reversed(named) if text), "")
    return name, tuple("" if "]{.value" in cell else as_read(cell) for cell in cells)


def _cells(line: str) -> list[str]:
    # each match is followed by an empty one, at the bar
    found = _TABLE_CELL.finditer(line.strip().strip("|"))
    return [cell.group(0) for cell in found if cell.group(0)]
