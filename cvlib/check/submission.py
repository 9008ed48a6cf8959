"""What is handed in: a project, its chapters as frozen, its runs, and the PDF. Read when asked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cvlib.engine.book import ChapterEntry, Target
from cvlib.engine.chapter import ExecutedChapter
from cvlib.engine.errors import BookError, Unsupported
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
_MARGINS = (
    ("left", "x", "rest"),
    ("top", "y", "rest"),
    ("right", "x", "rest"),
    ("bottom", "y", "rest"),
)


def without_blocks(text: str) -> str:
    """Blank out fenced code, comments and a YAML header; every other character keeps its place."""
    for pattern in (_HEADER, _FENCE, _COMMENT):
        text = pattern.sub(blank, text)
    return text


def blank(found: re.Match[str]) -> str:
    """As many spaces and line ends as were found."""
    return re.sub(r"[^\n]", " ", found[0])


@dataclass(frozen=True)
class CheckedChapter(FrozenChapter):
    """A chapter with its frozen copy, if there is one, and its place in the book."""

    entry: ChapterEntry

    @property
    def text(self) -> str:
        """Its source, with what it includes in place."""
        return self.chapter.full_text

    @cached_property
    def prose(self) -> str:
        """The source without code blocks, comments and header, of the same length."""
        return without_blocks(self.text)

    @property
    def result(self) -> str:
        """The markdown that the PDF is made of: executed, or the source where nothing runs."""
        return self.typst or self.text

    def executed(self, target: Target) -> ExecutedChapter | None:
        """Return the executed chapter for a format; None if it should have run and is not frozen."""
        markdown = self.typst if target == "typ" else self.html
        if markdown is not None:
            return ExecutedChapter(self.entry, markdown, self.folder, self.text)
        return (
            None if self.chapter.cells else ExecutedChapter(self.entry, self.text, None, self.text)
        )

    def place(self, offset: int) -> tuple[str, int]:
        """Return file and line of the character at `offset` of the source."""
        line = self.chapter.lines[self.text.count("\n", 0, offset)]
        return line.file, line.number

    def find(self, pattern: str) -> tuple[str, int | None]:
        """Return file and line of the first match of a regular expression; without line if none."""
        found = re.search(pattern, self.text)
        return self.place(found.start()) if found else (self.file, None)


class Submission:
    """Raises the errors of `_quarto.yml` (BookError, SpecError) when it is made.

    pdf: the output of `_quarto.yml` when left out.
    """

    def __init__(self, project: Project, pdf: Path | None = None) -> None:
        self.project = project
        self.book = project.book()
        for problem in self.book.problems:
            if not isinstance(problem, Unsupported):  # which Quarto may take all the same
                raise problem
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

        Raises BookError for a length that is none.
        """
        format = self.book.formats.get("typ")
        margin = (format.options.get("margin") if format else None) or {}
        found: list[float | None] = []
        for keys in _MARGINS:
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
    def chapters(self) -> list[CheckedChapter]:
        """All chapters in order; where the profile keeps no executed chapters, without a copy."""
        has_copies = self.book.freeze is not False
        return [
            CheckedChapter(
                self.project.chapter(entry.file),
                frozen_copy(self.project, entry.file) if has_copies else None,
                entry,
            )
            for entry in self.book.chapters
        ]

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
