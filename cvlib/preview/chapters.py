"""Each chapter as good as it can be shown now, and the pages brought up to date after every change.

A chapter shows, in this order: its true copy; its copy with the present prose, while its cells wait
or fail; what it showed last; its text, with places kept for what has never run.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from cvlib.engine.errors import CellFailed, GivenUp, RenderError, all_of
from cvlib.preview.book import WRONG, MissingRuns, PreviewedBook
from cvlib.preview.server import LiveNews, Problem, page_digests
from cvlib.preview.watch import ReportFiles

if TYPE_CHECKING:
    from cvlib.engine.book import Book, ChapterEntry
    from cvlib.engine.chapter import Chapter, ExecutedChapter


@dataclass(frozen=True)
class _Failure:
    """An execution that gave nothing. problem None: for want of runs."""

    chapter: Chapter
    missing: frozenset[str]
    problem: Problem | None


class ChapterPage:
    """A chapter, and what its page shows: `executed`, what is wrong, what it waits for.

    chapter: None where it cannot be read; reason: why its cells are to run, None: they need not.
    """

    executed: ExecutedChapter

    def __init__(self, book: PreviewedBook, entry: ChapterEntry) -> None:
        self.entry = entry
        self.chapter: Chapter | None = None
        self.reason: str | None = None
        self.problem: Problem | None = None
        self.waiting: Problem | None = None
        self.shown: ExecutedChapter | None = None  # by the page that was published last
        self._book = book
        self._failure: _Failure | None = None

    def read(self, entry: ChapterEntry, saved: Collection[Path], is_training: bool) -> None:
        """Decide how the chapter is shown. saved: files that changed; is_training: somebody trains."""
        self.entry, self.chapter = entry, None
        self.reason = self.problem = self.waiting = None
        try:
            chapter = self._book.read(entry.file)
            reason = self._book.why_untrue(chapter) if chapter.executes else None
            if reason is None:
                self._failure = None
                self.executed = self._book.executed(entry, chapter)
            else:
                last = self.last_shown() if self.shown else None
                self.executed = self._book.meanwhile(entry, chapter, last)
        except WRONG as error:
            self.executed, self.problem = self.last_shown(), problem_of(error, entry.file)
            return
        self.chapter = chapter
        if reason is None:
            return
        missing = self._book.missing([chapter])
        if self._failure is not None and not self._is_worth_another_try(chapter, missing, saved):
            self.problem = self._failure.problem
            if self.problem is None:
                self.waiting = _waiting(entry, missing, is_training)
        elif is_training and missing and self._book.has_same_cells(chapter):
            # every run that ends changes its results: it is executed once, when all are there
            self.waiting = _waiting(entry, missing, True)
        else:
            self.reason = reason

    def run(self, is_training: bool, notify: Callable[[str], None]) -> None:
        """Run the cells. Raises GivenUp when the chapter is saved anew meanwhile."""
        chapter = self.chapter
        assert chapter is not None
        self.problem = self.waiting = None
        try:
            self._book.execute(chapter, notify)
            self.executed, self._failure = self._book.executed(self.entry, chapter), None
        except GivenUp:
            raise
        except CellFailed as error:
            missing = self._book.missing([chapter])
            if error.what == "NotTrained":
                self.waiting = _waiting(self.entry, missing, is_training)
            else:
                self.problem = problem_of(error, self.entry.file)
            names = frozenset(each.experiment for each in missing)
            self._failure = _Failure(chapter, names, self.problem)
        except WRONG as error:
            self.problem = problem_of(error, self.entry.file)
        self.reason = None

    def last_shown(self) -> ExecutedChapter:
        """What the page showed last; where it never was there, the chapter's headings."""
        if self.shown is None:
            return self._book.outline(self.entry)
        return replace(self.shown, entry=self.entry)  # its place in the book may be another one now

    def _is_worth_another_try(
        self, chapter: Chapter, missing: list[MissingRuns], saved: Collection[Path]
    ) -> bool:
        failure = self._failure
        assert failure is not None
        if not self._book.has_same_cells(chapter, failure.chapter):
            return True
        if failure.problem is None:  # goes on when other experiments lack results
            return failure.missing != frozenset(each.experiment for each in missing)
        root = self._book.settings.root
        files = {root / file for file in (chapter.file, *chapter.included)}
        return bool(files & set(saved)) or not self._book.would_fail_again(chapter.file)


class Preview:
    """The pages of a book, kept up to date, and what `news` tells of them.

    notify: gets a line for whoever started the preview. missing: after `update`, what has no result.
    """

    def __init__(self, book: PreviewedBook, news: LiveNews, notify: Callable[[str], None]) -> None:
        self.files = ReportFiles(book.project)
        self.missing: list[MissingRuns] = []
        self._book = book
        self._news = news
        self._notify = notify
        self._pages: dict[str, ChapterPage] = {}

    def read_settings(self) -> Book:
        """Read the settings, and with them which files to look at."""
        settings = self._book.read_settings()
        self.files.of_book(settings)
        return settings

    def update(
        self, saved: Collection[Path], is_training: bool, is_outdated: Callable[[], bool]
    ) -> bool:
        """Bring the pages up to date after the files `saved` changed.

        is_training: somebody trains now. is_outdated: whether more changed meanwhile; asked before
        each chapter's cells run. Returns whether all was done that can be done now.
        """
        only_texts = bool(saved) and self.files.are_texts(saved)
        try:
            settings = self.read_settings()
            if not only_texts:
                self._book.forget()
        except WRONG as error:
            self._tell([replace(problem_of(error, "_quarto.yml"), page="")], [])
            return True
        pages = [
            self._pages.setdefault(entry.file, ChapterPage(self._book, entry))
            for entry in settings.chapters
        ]
        with self._book.lock(self._notify):
            for page, entry in zip(pages, settings.chapters, strict=True):
                page.read(entry, saved, is_training)
            self._publish(pages)
        readable = [page.chapter for page in pages if page.chapter is not None]
        for chapter in readable:
            self.files.of_chapter(chapter)
        self.missing = self._book.missing(chapter for chapter in readable if chapter.executes)

        def saved_at(page: ChapterPage) -> float:
            try:
                return (settings.root / page.entry.file).stat().st_mtime
            except OSError:
                return 0.0

        # somebody looks at the one that was saved last
        for page in sorted(pages, key=saved_at, reverse=True):
            if page.reason is None:
                continue
            if is_outdated() or not self._run(page, is_training):
                return False
            with self._book.lock(self._notify):
                self._publish(pages)
        return True

    def broke(self, error: Exception) -> None:
        """Tell of an error that nobody foresaw; the pages stay as they are."""
        kind = type(error).__name__
        self._tell([Problem("", "cvlib preview", f"{kind}: {error}", traceback.format_exc())], [])

    def _run(self, page: ChapterPage, is_training: bool) -> bool:
        """Run a chapter's cells; False when they were given up."""
        file, reason = page.entry.file, page.reason
        started = time.monotonic()
        self._notify(f"{file}: {reason}; running its cells")
        self._news.update(busy=f"Running the cells of {file}: {reason}")
        try:
            page.run(is_training, self._notify)
        except GivenUp:
            self._notify(f"{file}: changed while its cells ran; starting over")
            return False
        finally:
            self._news.update(busy="")
        self._notify(f"{file}: {time.monotonic() - started:.1f} s")
        return True

    def _publish(self, pages: list[ChapterPage]) -> None:
        """Write the pages; one that cannot be converted shows what it showed last."""
        of_book = None
        for _ in range(len(pages) + 1):
            try:
                self._book.publish([page.executed for page in pages])
                for page in pages:
                    page.shown = page.executed
                break
            except WRONG as error:
                faults: dict[ChapterPage, list[RenderError]] = {}
                for each in error.all if isinstance(error, RenderError) else ():
                    if (wrong := _page_of(each, pages)) is not None:
                        faults.setdefault(wrong, []).append(each)
                can_change = [page for page in faults if page.last_shown() != page.executed]
                if not can_change:
                    # the fault of another page, or of none: all stay as they are
                    file = next((page.entry.file for page in faults), "_quarto.yml")
                    of_book = replace(problem_of(error, file), page="")
                    break
                for page in can_change:
                    page.executed = page.last_shown()
                    page.problem = problem_of(all_of(faults[page]), page.entry.file)
        found = [of_book, *(page.problem for page in pages)]
        self._tell([problem for problem in found if problem is not None], pages)

    def _tell(self, problems: list[Problem], pages: list[ChapterPage]) -> None:
        before = self._news.state
        waiting = [page.waiting for page in pages if page.waiting is not None]
        for new in (*problems, *waiting):
            if new not in (*before.problems, *before.waiting):
                self._notify(f"{new.where}: {new.message}")
        self._news.update(pages=page_digests(self._book.site), problems=problems, waiting=waiting)


def _page_of(error: RenderError, pages: list[ChapterPage]) -> ChapterPage | None:
    """The page that an error is about."""
    for page in pages:
        if error.file == page.entry.file or (page.chapter and error.file in page.chapter.included):
            return page
    return None


def problem_of(error: Exception, file: str) -> Problem:
    """What a page says of an error in a chapter: its first line, the rest as detail."""
    where, message = file, str(error)
    if isinstance(error, RenderError):
        where, message = error.file or file, error.message
        where += "" if error.line is None else f":{error.line}"
    first, _, rest = message.partition("\n")
    return Problem(_page_name(file), where, first, rest)


def _waiting(entry: ChapterEntry, missing: list[MissingRuns], is_training: bool) -> Problem:
    words = "; ".join(map(str, missing)) or "Runs have no result yet"
    names = " ".join(each.experiment for each in missing)
    if is_training:
        how = "They are being trained; the page follows when all are there."
    else:
        how = (
            f"`cvlib run {names}` in another terminal trains them, and this page follows; so does "
            "`cvlib preview --train`."
        )
    return Problem(_page_name(entry.file), entry.file, f"{words}. {how}")


def _page_name(file: str) -> str:
    """The page of a chapter: `report/exp01.html` of `report/exp01.qmd`."""
    return str(PurePosixPath(file).with_suffix(".html"))
