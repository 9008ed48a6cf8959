"""What is checked: a project, its chapters as frozen, its runs, and the PDF. Read when asked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvlib.check.pdf.box import Box
from cvlib.check.prose import Prose, read_prose
from cvlib.check.text_area import declared_margins, text_area
from cvlib.engine.book import Book, ChapterEntry, Target, read_book
from cvlib.engine.chapter import ExecutedChapter
from cvlib.engine.errors import BookError
from cvlib.engine.yaml_lines import YamlFile
from cvlib.freeze.frozen_copy import freeze_folder, read_frozen
from cvlib.settings import Settings, load_settings

if TYPE_CHECKING:  # reading a PDF and the store takes imports that not every call needs
    from cvlib.check.pdf.document import Pdf
    from cvlib.check.pdf.page import Page
    from cvlib.project import Project
    from cvlib.studies.status import RunStatus

TARGETS: tuple[Target, ...] = ("typ", "html")


@dataclass(frozen=True)
class CheckedChapter:
    """A chapter: its source, and what its execution made of it for each format (none if unfrozen)."""

    entry: ChapterEntry
    prose: Prose
    frozen: dict[Target, str]
    folder: Path

    @property
    def file(self) -> str:
        """Relative to the project."""
        return self.entry.file

    @property
    def has_cells(self) -> bool:
        """Whether Python runs in it."""
        return "\n```{python}" in "\n" + self.prose.source

    @property
    def result(self) -> str:
        """The markdown that the PDF is made of: executed, or the source where nothing runs."""
        return self.frozen.get("typ") or self.prose.source

    def executed(self, target: Target) -> ExecutedChapter | None:
        """Return the executed chapter for a format; None if it should have run and is not frozen."""
        markdown = self.frozen.get(target)
        if markdown is None and self.has_cells:
            return None
        entry = self.entry
        return ExecutedChapter(
            entry,
            markdown if markdown is not None else self.prose.source,
            self.folder if markdown is not None else None,
            self.prose.source,
        )


class Subject:
    """Raises the errors of `_quarto.yml` (ProjectError, SpecError) when it is made."""

    def __init__(self, layout: Project, pdf: Path | None = None) -> None:
        self.layout = layout
        self.root = layout.root
        profile = None if layout.profile == "default" else layout.profile
        self.book: Book = read_book(self.root, profile)
        for problem in self.book.problems:
            if isinstance(problem, BookError):  # else Quarto may take it
                raise problem
        self.metadata = self.book.metadata
        self.quarto_yml: YamlFile = self.book.source
        self.settings: Settings = load_settings(self.root)
        self._margins = declared_margins(self.book)
        self.pdf_path = (pdf or self._default_pdf()).resolve()

    def _default_pdf(self) -> Path:
        return self.book.pdf

    def shown(self, path: Path) -> str:
        """Return a path relative to the project, or as it is where it lies elsewhere."""
        return (
            path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)
        )

    @cached_property
    def pdf(self) -> Pdf:
        """The open PDF; raises PublishError if the file is none."""
        from cvlib.check.pdf.document import Pdf

        return Pdf(self.pdf_path)

    def area(self, page: Page) -> Box:
        """Return the text area of a page."""
        return text_area(page.width, page.height, self._margins)

    @cached_property
    def chapters(self) -> tuple[CheckedChapter, ...]:
        """All chapters in order; raises PublishError for a damaged freeze."""
        return tuple(self._chapter(entry) for entry in self.book.chapters)

    def _chapter(self, entry: ChapterEntry) -> CheckedChapter:
        folder = freeze_folder(self.root, entry.file)
        frozen: dict[Target, str] = {}
        for target in TARGETS if self.is_frozen else ():
            record = read_frozen(folder, target)
            if record is not None:
                frozen[target] = record.markdown
        return CheckedChapter(entry, read_prose(self.root, entry.file), frozen, folder)

    def caption_word(self, kind: str) -> str:
        """Return what captions begin with, `Figure` or `Table`, as `_quarto.yml` may have it."""
        crossref = self.metadata.get("crossref") or {}
        return str(crossref.get({"Figure": "fig-title", "Table": "tbl-title"}[kind], kind))

    @property
    def bibliography(self) -> tuple[Path, ...]:
        """The files of the works that may be cited."""
        named = self.metadata.get("bibliography") or []
        names = named if isinstance(named, list) else [named]
        return tuple(self.root / str(name) for name in names)

    @property
    def is_frozen(self) -> bool:
        """Whether this profile keeps executed chapters."""
        execute: dict[str, Any] = self.metadata.get("execute") or {}
        return execute.get("freeze", False) is not False

    @cached_property
    def experiments(self) -> tuple[str, ...]:
        """Ids of the experiments that the chapters name, sorted."""
        return tuple(self.layout.experiments_of_book())

    @cached_property
    def runs(self) -> tuple[RunStatus, ...]:
        """Every run of those experiments, with what the store holds of it."""
        from cvlib.studies.run import inspect

        # no names would mean all experiments
        return tuple(inspect(self.layout, self.experiments)) if self.experiments else ()

    @cached_property
    def stored_keys(self) -> tuple[str, ...]:
        """Keys of all runs in the store, sorted."""
        from cvlib.results.store import Store

        return tuple(Store(self.layout.runs).keys())
