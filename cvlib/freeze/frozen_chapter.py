"""A chapter as written beside its frozen copy: which expression made what stands there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cvlib.engine.book import load_book
from cvlib.engine.chapter import Chapter, read_chapter
from cvlib.freeze.expressions import Placed, cell_at, placed_expressions
from cvlib.freeze.frozen_copy import freeze_folder, read_frozen
from cvlib.freeze.marks import ValueMark, headings, value_marks
from cvlib.project import Project


@dataclass(frozen=True)
class FrozenChapter:
    """A chapter and the markdown of its frozen copy, which lies in `folder`."""

    chapter: Chapter
    markdown: str
    folder: Path

    @cached_property
    def marks(self) -> list[ValueMark]:
        """The values of the frozen copy."""
        return list(value_marks(self.markdown))

    @cached_property
    def placed(self) -> dict[int, Placed]:
        """Where a value stands in the frozen copy -> the expression that made it."""
        return {one.start: one for one in placed_expressions(self.chapter, self.markdown)}

    def heading(self, position: int) -> str:
        """The last heading before a place of the frozen copy."""
        before = [text for place, text in headings(self.markdown) if place <= position]
        return before[-1] if before else ""

    def made_by(self, position: int) -> tuple[str, int | None]:
        """Expression and line of what stands at a place: an inline value's, or a cell's."""
        if position in self.placed:
            return self.placed[position].expression, self.placed[position].line
        cell = cell_at(self.chapter, self.markdown, position)
        return (_statements(cell.code), cell.code_line) if cell else ("", None)


def frozen_chapters(layout: Project) -> list[FrozenChapter]:
    """The chapters of the book that have a frozen copy, in order."""
    found = []
    for entry in load_book(layout.root).chapters:
        folder = freeze_folder(layout.root, entry.file)
        record = read_frozen(folder, "typ") or read_frozen(folder, "html")
        if record is not None:
            chapter = read_chapter(layout.root, entry.file)
            found.append(FrozenChapter(chapter, record.markdown, folder))
    return found


def _statements(code: str) -> str:
    """A cell's code on one line, without its imports."""
    lines = (line.strip() for line in code.strip().split("\n"))
    return "; ".join(line for line in lines if not line.startswith(("import ", "from ")))
