"""The files that a report is made of: what a preview looks at."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path

import cvlib
from cvlib.engine.chapter import Chapter
from cvlib.engine.book import Book
from cvlib.project import Project

# What turns results into tables and figures. Its own code a running preview does not read again.
_CODE = ("analysis", "journal", "results")
_CODE_KINDS = (".py", ".css", ".js", ".mplstyle")
_PICTURE = re.compile(r"\]\(([^)\s]+\.(?:svg|png|jpe?g|gif|webp))\)", re.IGNORECASE)


class Files:
    """Names files, whether they are there or not; which ones changes with chapters and settings."""

    def __init__(self, layout: Project) -> None:
        self._layout = layout
        root, profile = layout.root, layout.profile
        names = ["_quarto.yml", *([f"_quarto-{profile}.yml"] if profile != "default" else [])]
        self._settings = [root / name for name in names]
        self._texts: set[Path] = set()

    def of_project(self, project: Book) -> None:
        """Take in what `_quarto.yml` names: chapters, bibliography, style sheets."""
        options = project.formats["html"].options if "html" in project.formats else {}
        css = options.get("css") or []
        self._texts = {
            *(project.root / entry.file for entry in project.book.chapters),
            *project.bibliography,
            *([project.csl] if project.csl else []),
            *(project.root / name for name in ([css] if isinstance(css, str) else css)),
        }

    def of_chapter(self, chapter: Chapter) -> None:
        """Take in what a chapter includes, and the pictures that its text shows."""
        root = self._layout.root
        self._texts |= {root / file for file in chapter.included}
        for name in _PICTURE.findall(chapter.text):
            beside = root if name.startswith("/") else (root / chapter.file).parent
            self._texts.add(beside / name.lstrip("/"))

    def are_texts(self, files: Collection[Path]) -> bool:
        """Whether all of `files` are text and what it shows: no result, code or setting."""
        return self._texts.issuperset(files)

    def __iter__(self) -> Iterator[Path]:
        yield from self._texts
        yield from self._settings
        layout = self._layout
        yield from layout.experiments.glob("*.yaml")
        yield from layout.reviews.glob("*.json")
        # a run is put in place, and taken away, by a rename: the folder's own stamp tells
        yield layout.runs
        yield from (layout.root / "_extensions").rglob("*.*")
        package = Path(cvlib.__file__).parent
        for name in _CODE:
            yield from (path for path in (package / name).iterdir() if path.suffix in _CODE_KINDS)
