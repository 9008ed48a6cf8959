"""What is handed in: a project, its chapters as frozen, its runs, and the PDF. Read when asked."""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cvlib.engine.book import Book, ChapterEntry, Target
from cvlib.engine.chapter import Chapter, ExecutedChapter
from cvlib.engine.errors import BookError
from cvlib.freeze.freshness import frozen_copy
from cvlib.freeze.frozen_chapter import FrozenChapter
from cvlib.settings import Settings, load_settings

if TYPE_CHECKING:  # reading a PDF and the store takes imports that not every call needs
    from cvlib.check.pdf import Box, Pdf
    from cvlib.freeze.freshness import ChapterStatus
    from cvlib.freeze.interpretation import ToReview
    from cvlib.project import Project
    from cvlib.studies.status import RunStatus

_FENCE = re.compile(r"^[ \t]*(?P<ticks>`{3,}|~{3,})[^\n]*\n(?:.*?\n)??[ \t]*(?P=ticks)[`~]*[ \t]*$",
                    re.MULTILINE | re.DOTALL)  # fmt: skip
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_HEADER = re.compile(r"\A---[ \t]*\n.*?\n---[ \t]*$", re.MULTILINE | re.DOTALL)

_POINTS = {"pt": 1.0, "mm": 72 / 25.4, "cm": 720 / 25.4, "in": 72.0}
_LENGTH = re.compile(r"([\d.]+)\s*(pt|mm|cm|in)")
# From the particular to the general, as in Typst's `page(margin: …)`.
_MARGINS = {
    "left": ("left", "x", "rest"),
    "top": ("top", "y", "rest"),
    "right": ("right", "x", "rest"),
    "bottom": ("bottom", "y", "rest"),
}


def without_blocks(text: str) -> str:
    """Blank out fenced code, comments and a YAML header; every other character keeps its place."""
    for pattern in (_HEADER, _FENCE, _COMMENT):
        text = pattern.sub(blank, text)
    return text


def blank(found: re.Match[str]) -> str:
    """As many spaces and line ends as were found."""
    return re.sub(r"[^\n]", " ", found[0])


@dataclass(frozen=True)
class Source:
    """The text of one chapter with what it includes, each place in it traced to file and line."""

    chapter: Chapter

    @property
    def text(self) -> str:
        """All lines, as written."""
        return self.chapter.full_text

    @cached_property
    def prose(self) -> str:
        """The text without code blocks, comments and header, of the same length."""
        return without_blocks(self.text)

    @cached_property
    def _starts(self) -> list[int]:
        starts = [0]
        for line in self.chapter.lines[:-1]:
            starts.append(starts[-1] + len(line.text) + 1)
        return starts

    def place(self, offset: int) -> tuple[str, int]:
        """Return file and line of the character at `offset` of the text."""
        line = self.chapter.lines[bisect.bisect_right(self._starts, offset) - 1]
        return line.file, line.number

    def find(self, pattern: str) -> tuple[str, int | None]:
        """Return file and line of the first match of a regular expression; without line if none."""
        found = re.search(pattern, self.text)
        return self.place(found.start()) if found else (self.chapter.file, None)


@dataclass(frozen=True)
class CheckedChapter(FrozenChapter):
    """A chapter of the book with its source and its frozen copy, if there is one."""

    entry: ChapterEntry

    @cached_property
    def source(self) -> Source:
        """The chapter as it is written."""
        return Source(self.chapter)

    @property
    def result(self) -> str:
        """The markdown that the PDF is made of: executed, or the source where nothing runs."""
        return self.typst or self.source.text

    def executed(self, target: Target) -> ExecutedChapter | None:
        """Return the executed chapter for a format; None if it should have run and is not frozen."""
        markdown = self.typst if target == "typ" else self.html
        if markdown is None and self.has_cells:
            return None
        folder = self.folder if markdown is not None else None
        text = self.source.text
        return ExecutedChapter(self.entry, markdown or text, folder, text)


class Submission:
    """Raises the errors of `_quarto.yml` (BookError, SpecError) when it is made.

    pdf: the output of `_quarto.yml` when left out.
    """

    def __init__(self, project: Project, pdf: Path | None = None) -> None:
        self.project = project
        self.book: Book = project.book()
        self.settings: Settings = load_settings(project.root)
        self._margins = self._declared_margins()
        self.pdf_path = (pdf or self.book.pdf).resolve()

    def shown(self, path: Path) -> str:
        """Return a path relative to the project, or as it is where it lies elsewhere."""
        root = self.project.root
        return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)

    @cached_property
    def pdf(self) -> Pdf:
        """The open PDF; raises RenderError if the file is none."""
        from cvlib.check.pdf import Pdf

        return Pdf(self.pdf_path)

    def text_area(self, width: float, height: float) -> Box:
        """Where the text of a page of this size (points) may stand: the page less its margins."""
        from cvlib.check.pdf import Box

        own = 2.5 / 21 * min(width, height)  # Typst's, where none is declared
        given = (own if margin is None else margin for margin in self._margins)
        left, top, right, bottom = given
        return Box(left, top, width - right, height - bottom)

    def _declared_margins(self) -> list[float | None]:
        """Return left, top, right and bottom in points; None for a side of which nothing is said.

        They are `margin:` of the Typst format in `_quarto.yml`, over that of its extension. Raises
        BookError for a length that is none.
        """
        typst = self.book.formats.get("typ")
        margin = (typst.options.get("margin") if typst else None) or {}
        found: list[float | None] = []
        for keys in _MARGINS.values():
            key = next((key for key in keys if key in margin), None)
            length = _LENGTH.fullmatch(str(margin[key]).strip()) if key else None
            if key and length is None:
                raise BookError(
                    f"margin.{key} of the PDF's format is {margin[key]!r}; expected a length such as "
                    "2.3cm or 60pt",
                    file="_quarto.yml",
                )
            found.append(float(length[1]) * _POINTS[length[2]] if length else None)
        return found

    @cached_property
    def chapters(self) -> tuple[CheckedChapter, ...]:
        """All chapters in order."""
        found = []
        for entry in self.book.chapters:
            chapter = self.project.chapter(entry.file)
            copy = frozen_copy(self.project, entry.file) if self.book.freeze is not False else None
            found.append(CheckedChapter(chapter, copy, entry))
        return tuple(found)

    def caption_word(self, kind: str) -> str:
        """Return what captions begin with, `Figure` or `Table`, as `_quarto.yml` may have it."""
        return self.book.float_titles[{"Figure": "fig", "Table": "tbl"}[kind]]

    @cached_property
    def experiments(self) -> list[str]:
        """Ids of the experiments that the chapters read, sorted."""
        return self.project.experiments_of_book()

    @cached_property
    def runs(self) -> list[RunStatus]:
        """Every run of those experiments, with what the store holds of it."""
        return [status for name in self.experiments for status in self.project.statuses(name)]

    @cached_property
    def chapter_statuses(self) -> list[ChapterStatus]:
        """Whether the frozen copy of each chapter stands."""
        from cvlib.freeze.freshness import chapter_statuses

        return chapter_statuses(self.project)

    @cached_property
    def to_review(self) -> list[ToReview]:
        """The interpretations that nobody read beside the results as they are."""
        from cvlib.freeze.interpretation import blocks_to_review

        return blocks_to_review(self.project, [entry.file for entry in self.book.chapters])
