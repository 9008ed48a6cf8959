"""The files that a report is made of, and which of them changed since they were last looked at.

By asking the file system, a few times a second: a report is some hundred files, whose stamps are read in
a few milliseconds, and this sees changes on every kind of disk, network and container mounts included,
where notifications do not come through.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cvlib
from cvlib.engine.output import stamp
from cvlib.project import Project

if TYPE_CHECKING:
    from cvlib.engine.book import Book
    from cvlib.engine.chapter import Chapter

# What turns results into tables and figures. Its own code a running preview does not read again.
_CODE = ("analysis", "journal", "results")
_CODE_KINDS = (".py", ".css", ".js", ".mplstyle")
_PICTURE = re.compile(r"\]\(([^)\s]+\.(?:svg|png|jpe?g|gif|webp))\)", re.IGNORECASE)


class ReportFiles:
    """The files of a report, whether they are there or not; chapters and settings name more."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._texts: set[Path] = set()
        self._stamps: dict[Path, tuple[int, int, int] | None] = {}

    def of_book(self, book: Book) -> None:
        """Take in what `_quarto.yml` names: chapters, bibliography, style sheets."""
        self._texts = {
            *(book.root / entry.file for entry in book.chapters),
            *book.bibliography,
            *([book.csl] if book.csl else []),
            *book.style_sheets,
        }

    def of_chapter(self, chapter: Chapter) -> None:
        """Take in what a chapter includes, and the pictures that its text shows."""
        root = self._project.root
        self._texts |= {root / file for file in chapter.included}
        for name in _PICTURE.findall(chapter.text):
            beside = root if name.startswith("/") else (root / chapter.file).parent
            self._texts.add(beside / name.lstrip("/"))

    def are_texts(self, files: Collection[Path]) -> bool:
        """Whether all of `files` are text and what it shows: no result, code or setting."""
        return self._texts.issuperset(files)

    def changes(self) -> set[Path]:
        """Files that appeared, changed or went since the last call; folders by what lies in them."""
        before, self._stamps = self._stamps, {path: stamp(path) for path in self}
        both = before.keys() | self._stamps.keys()
        return {path for path in both if before.get(path) != self._stamps.get(path)}

    def __iter__(self) -> Iterator[Path]:
        project = self._project
        yield from self._texts
        yield project.root / "_quarto.yml"
        if project.quarto_profile:
            yield project.root / f"_quarto-{project.profile}.yml"
        yield from project.experiments.glob("*.yaml")
        yield from project.reviews.glob("*.json")
        # a run is put in place, and taken away, by a rename: the folder's own stamp tells
        yield project.runs
        yield from (project.root / "_extensions").rglob("*.*")
        package = Path(cvlib.__file__).parent
        for name in _CODE:
            yield from (path for path in (package / name).iterdir() if path.suffix in _CODE_KINDS)
