"""What is handed in: a project, its chapters as frozen, its runs, and the PDF. Read when asked."""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvlib.engine.book import Book, Target, merge, read_book
from cvlib.engine.chapter import Chapter, ExecutedChapter, Line
from cvlib.engine.errors import BookError, RenderError
from cvlib.engine.include import read_lines
from cvlib.engine.project import extension_options
from cvlib.engine.yaml_lines import YamlFile
from cvlib.freeze.frozen_chapter import FrozenChapter
from cvlib.freeze.frozen_copy import freeze_folder
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

    file: str
    lines: tuple[Line, ...]

    @cached_property
    def text(self) -> str:
        """All lines, as written."""
        return "\n".join(line.text for line in self.lines)

    @cached_property
    def prose(self) -> str:
        """The text without code blocks, comments and header, of the same length."""
        return without_blocks(self.text)

    @cached_property
    def _starts(self) -> list[int]:
        starts = [0]
        for line in self.lines[:-1]:
            starts.append(starts[-1] + len(line.text) + 1)
        return starts

    def place(self, offset: int) -> tuple[str, int]:
        """Return file and line of the character at `offset` of the text."""
        line = self.lines[bisect.bisect_right(self._starts, offset) - 1]
        return line.file, line.number

    def find(self, pattern: str) -> tuple[str, int | None]:
        """Return file and line of the first match of a regular expression; without line if none."""
        found = re.search(pattern, self.text)
        return self.place(found.start()) if found else (self.file, None)


@dataclass(frozen=True)
class CheckedChapter(FrozenChapter):
    """A chapter of the book with its source and its frozen copy, if there is one."""

    source: Source

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
        return ExecutedChapter(self.file, "chapter", None, 0, markdown or text, folder, text)


class Submission:
    """Raises the errors of `_quarto.yml` (BookError, SpecError) when it is made.

    pdf: the output of `_quarto.yml` when left out.
    """

    def __init__(self, project: Project, pdf: Path | None = None) -> None:
        self.project = project
        self.metadata, files = read_book(project.root, project.quarto_profile)
        self.quarto_yml: YamlFile = files[0]
        self.settings: Settings = load_settings(project.root)
        self.book: Book = read_book(project.root, self.metadata.get("book", {}), self.quarto_yml)
        self._margins = self._declared_margins()
        folder = str((self.metadata.get("project") or {}).get("output-dir", "_book"))
        self.pdf_path = (pdf or project.root / folder / f"{self.book.output_file}.pdf").resolve()

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
        formats = self.metadata.get("format")
        options: dict[str, Any] = {}
        for name, given in formats.items() if isinstance(formats, dict) else ():
            if name == "typst" or name.endswith("-typst"):
                common = {key: self.metadata[key] for key in ("margin",) if key in self.metadata}
                extension = extension_options(self.project.root, name)
                options = merge(merge(extension, common), given if isinstance(given, dict) else {})
        margin = options.get("margin") or {}
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
        root, found = self.project.root, []
        for entry in self.book.chapters:
            try:
                chapter = self.project.chapter(entry.file)
            except RenderError:  # what Quarto may take all the same: nothing in it is aligned
                text = (root / entry.file).read_bytes().decode("utf-8-sig")
                chapter = Chapter(entry.file, text, "", {}, (), ())
            lines = tuple(read_lines(root, entry.file, chapter.text)[0])
            folder = freeze_folder(root, entry.file) if self.is_frozen else None
            found.append(CheckedChapter(chapter, folder, Source(entry.file, lines)))
        return tuple(found)

    def caption_word(self, kind: str) -> str:
        """Return what captions begin with, `Figure` or `Table`, as `_quarto.yml` may have it."""
        crossref = self.metadata.get("crossref") or {}
        return str(crossref.get({"Figure": "fig-title", "Table": "tbl-title"}[kind], kind))

    @property
    def bibliography(self) -> list[Path]:
        """The files of the works that may be cited."""
        named = self.metadata.get("bibliography") or []
        return [self.project.root / str(n) for n in (named if isinstance(named, list) else [named])]

    @property
    def is_frozen(self) -> bool:
        """Whether this profile keeps executed chapters."""
        execute: dict[str, Any] = self.metadata.get("execute") or {}
        return execute.get("freeze", False) is not False

    @cached_property
    def experiments(self) -> list[str]:
        """Ids of the experiments that the chapters read, sorted."""
        from cvlib.freeze.freshness import experiments_of

        files = [self.project.root / entry.file for entry in self.book.chapters]
        return sorted({name for file in files for name in experiments_of(self.project, file)})

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
