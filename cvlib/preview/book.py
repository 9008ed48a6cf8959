"""The book of a preview: made again after every change, of what each chapter can show now."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path

from cvlib.engine.book import ChapterEntry
from cvlib.engine.convert import to_html
from cvlib.engine.errors import GivenUp, RenderError
from cvlib.engine.output import publish_site, staging
from cvlib.engine.book import Book, load_book
from cvlib.freeze.lock import render_lock
from cvlib.preview.chapters import WRONG, Chapters, Look, problem_of
from cvlib.preview.files import Files
from cvlib.preview.results import Lacking
from cvlib.preview.site import page_digests
from cvlib.preview.state import Problem, State
from cvlib.project import Project


@dataclass
class _Page:
    """A chapter of the book, and how it is shown."""

    entry: ChapterEntry
    look: Look


class Pages:
    """Makes the pages below `own` and tells `state` of them.

    notify: gets a line for whoever started the preview. lacking: after a `make`, what has no result.
    """

    def __init__(
        self, layout: Project, own: Path, state: State, notify: Callable[[str], None]
    ) -> None:
        self.site = own / "site"
        self.files = Files(layout)
        self.lacking: list[Lacking] = []
        self._layout = layout
        self._own = own
        self._state = state
        self._notify = notify
        self._chapters = Chapters(layout, own)

    def project(self) -> Book:
        """Read the settings, and with them which files to look at."""
        project = load_book(self._layout.root, self._layout.quarto_profile)
        self.files.of_project(project)
        return project

    def make(
        self, saved: Collection[Path], is_training: bool, is_outdated: Callable[[], bool]
    ) -> bool:
        """Bring the pages up to date after the files `saved` changed.

        is_training: somebody trains now. is_outdated: whether more changed meanwhile; asked before
        each chapter's cells run. Returns whether all was done that can be done now.
        """
        only_texts = bool(saved) and self.files.are_texts(saved)
        try:
            project = self.project()
            if not only_texts:
                self._chapters.forget()
        except WRONG as error:
            self._tell([replace(problem_of(error, "_quarto.yml"), page="")], [])
            return True
        with render_lock(project.root, self._notify):
            pages = [
                _Page(entry, self._chapters.look(project, entry, saved, is_training))
                for entry in project.book.chapters
            ]
            self._publish(project, pages)
        for page in pages:
            if page.look.chapter is not None:
                self.files.of_chapter(page.look.chapter)
        self.lacking = self._chapters.lacking([page.look for page in pages])
        for page in sorted(pages, key=lambda page: _saved_at(project, page.entry), reverse=True):
            if page.look.reason is None:
                continue
            if is_outdated() or not self._run(project, page, is_training):
                return False
            with render_lock(project.root, self._notify):
                self._publish(project, pages)
        return True

    def broke(self, error: Exception) -> None:
        """Tell of an error that nobody foresaw; the pages stay as they are."""
        kind = type(error).__name__
        self._tell([Problem("", "cvlib preview", f"{kind}: {error}", traceback.format_exc())], [])

    def _run(self, project: Book, page: _Page, is_training: bool) -> bool:
        """Run a chapter's cells; False when they were given up."""
        file, reason = page.entry.file, page.look.reason
        started = time.monotonic()
        self._notify(f"{file}: {reason}; running its cells")
        self._state.tell(busy=f"Running the cells of {file}: {reason}")
        try:
            page.look = self._chapters.execute(
                project, page.entry, page.look, is_training, self._notify
            )
        except GivenUp:
            self._notify(f"{file}: changed while its cells ran; starting over")
            return False
        except WRONG as error:
            page.look = replace(page.look, reason=None, problem=problem_of(error, page.entry.file))
        finally:
            self._state.tell(busy="")
        self._notify(f"{file}: {time.monotonic() - started:.1f} s")
        return True

    def _publish(self, project: Book, pages: list[_Page]) -> None:
        """Write the pages; one that cannot be converted shows what it showed last."""
        with staging(self.site) as staged:
            wrong = self._convert(project, pages, staged)
            if wrong is None:
                publish_site(staged, self.site, self._own / "site.json")
        if wrong is None:
            for page in pages:
                self._chapters.shown(page.look.executed)
        found = [wrong, *(page.look.problem for page in pages)]
        self._tell([problem for problem in found if problem is not None], pages)

    def _convert(self, project: Book, pages: list[_Page], staged: Path) -> Problem | None:
        for _ in range(len(pages) + 1):
            try:
                to_html(project, [page.look.executed for page in pages], staged)
                return None
            except WRONG as error:
                wrong = _page_of(error, pages)
                problem = problem_of(error, wrong.entry.file if wrong else "_quarto.yml")
                last = None if wrong is None else self._chapters.last_shown(wrong.entry)
                if wrong is None or last is None or last == wrong.look.executed:
                    # the fault of another page, or of none: all stay as they are
                    return replace(problem, page="")
                wrong.look = replace(wrong.look, executed=last, problem=problem)
        return None

    def _tell(self, problems: list[Problem], pages: list[_Page]) -> None:
        for problem in problems:
            if problem not in self._state.told.problems:
                self._notify(f"{problem.where}: {problem.message}")
        waiting = [page.look.waiting for page in pages if page.look.waiting is not None]
        for one in waiting:
            if one not in self._state.told.waiting:
                self._notify(f"{one.page}: {one.message}")
        self._state.tell(pages=page_digests(self.site), problems=problems, waiting=waiting)


def _page_of(error: Exception, pages: list[_Page]) -> _Page | None:
    """The page that an error is about."""
    file = error.file if isinstance(error, RenderError) else None
    for page in pages:
        chapter = page.look.chapter
        if file == page.entry.file or (chapter is not None and file in chapter.included):
            return page
    return None


def _saved_at(project: Book, entry: ChapterEntry) -> float:
    """When a chapter was saved: somebody looks at the one that was saved last."""
    try:
        return (project.root / entry.file).stat().st_mtime
    except OSError:
        return 0.0
