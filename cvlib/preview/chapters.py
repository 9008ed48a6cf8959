"""Each chapter as good as it can be shown now, and whether its cells are to run.

A chapter shows, in this order: its true copy; its copy with the present prose, while its cells wait
or fail; what it showed last; its text, with places kept for what has never run.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from cvlib.engine.book import ChapterEntry
from cvlib.engine.chapter import Chapter, read_chapter
from cvlib.engine.errors import CellFailed, RenderError
from cvlib.engine.execute import Executed, unexecuted_markdown
from cvlib.engine.chapter import ExecutedChapter
from cvlib.engine.book import Book
from cvlib.freeze.carry_over import same_cells
from cvlib.journal.running import TRAIN
from cvlib.preview.kept import Kept
from cvlib.preview.placeholder import outline, placeholder
from cvlib.preview.results import Lacking
from cvlib.preview.state import Problem, Waiting
from cvlib.project import Project

# What is wrong with a chapter, or with its file, and not with this program.
WRONG = (RenderError, OSError, UnicodeDecodeError)


@dataclass(frozen=True)
class Look:
    """How a chapter is shown now. reason: why its cells are to run; None: they need not."""

    executed: ExecutedChapter
    chapter: Chapter | None = None
    reason: str | None = None
    problem: Problem | None = None
    waiting: Waiting | None = None


@dataclass(frozen=True)
class _Tried:
    """An execution that gave nothing, and all that it depended on."""

    chapter: Chapter
    inputs: Mapping[str, str]
    lacking: frozenset[str]
    problem: Problem | None


class Chapters:
    """Looks at chapters and runs them. own: a folder for what is kept of this preview alone."""

    def __init__(self, layout: Project, own: Path) -> None:
        self._layout = layout
        self._own = own
        self._kept = Kept(layout, own)
        self._shown: dict[str, ExecutedChapter] = {}
        self._tried: dict[str, _Tried] = {}

    def forget(self) -> None:
        """Results, experiments, code or settings may have changed."""
        self._kept.forget()
        self._kept.note_fingerprints()

    def shown(self, executed: ExecutedChapter) -> None:
        """Remember what a page shows now: it stays when the next try fails."""
        self._shown[executed.file] = executed

    def last_shown(self, entry: ChapterEntry) -> ExecutedChapter:
        """What the page of a chapter showed last; for one that never was there, its headings."""
        if entry.file in self._shown:
            # its place in the book may be another one now
            return replace(
                self._shown[entry.file], kind=entry.kind, part=entry.part, depth=entry.depth
            )
        path = self._layout.root / entry.file
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        return self._with_places(entry, outline(text, path.stem), text)

    def lacking(self, looks: Collection[Look]) -> list[Lacking]:
        """What the chapters need and has no result."""
        chapters = [look.chapter for look in looks if look.chapter is not None]
        return self._kept.lacking(chapter for chapter in chapters if chapter.executes)

    def look(
        self, project: Book, entry: ChapterEntry, saved: Collection[Path], is_training: bool
    ) -> Look:
        """Say how a chapter is shown. saved: files that changed; is_training: somebody trains now."""
        try:
            chapter = read_chapter(project.root, entry.file)
            if not chapter.executes:
                markdown = unexecuted_markdown(chapter)
                return Look(_executed(entry, markdown, None, chapter.text), chapter)
            reason = self._kept.why_untrue(project, chapter)
            if reason is None:
                self._tried.pop(entry.file, None)
                return Look(self._true(project, entry, chapter), chapter)
            meanwhile = self._meanwhile(project, entry, chapter)
        except WRONG as error:
            return Look(self.last_shown(entry), problem=problem_of(error, entry.file))
        lacking = self._kept.lacking([chapter])
        tried = self._tried.get(entry.file)
        if tried is not None and not self._again(project, chapter, tried, lacking, saved):
            waiting = None if tried.problem else _waiting(entry, lacking, is_training)
            return Look(meanwhile, chapter, None, tried.problem, waiting)
        if is_training and lacking and self._kept.has_same_cells(chapter):
            # every run that ends changes its results: it is executed once, when all are there
            return Look(meanwhile, chapter, waiting=_waiting(entry, lacking, True))
        return Look(meanwhile, chapter, reason)

    def execute(
        self,
        project: Book,
        entry: ChapterEntry,
        look: Look,
        is_training: bool,
        notify: Callable[[str], None],
    ) -> Look:
        """Run the cells of a chapter; returns how it is shown then.

        Raises GivenUp when the chapter is saved anew meanwhile.
        """
        chapter = look.chapter
        assert chapter is not None
        inputs = self._kept.inputs_of(project, chapter)
        try:
            self._kept.execute(
                project,
                chapter,
                {TRAIN: "never"},
                give_up=lambda: _is_another(project.root, chapter),
                notify=notify,
            )
        except CellFailed as error:
            lacking = self._kept.lacking([chapter])
            problem = None if error.exception == "NotTrained" else problem_of(error, entry.file)
            self._tried[entry.file] = _Tried(
                chapter, inputs, frozenset(each.experiment for each in lacking), problem
            )
            waiting = None if problem else _waiting(entry, lacking, is_training)
            return replace(look, reason=None, problem=problem, waiting=waiting)
        self._tried.pop(entry.file, None)
        return Look(self._true(project, entry, chapter), chapter)

    def _true(self, project: Book, entry: ChapterEntry, chapter: Chapter) -> ExecutedChapter:
        markdown = self._kept.markdown(project, entry.file)
        if markdown is None:
            raise RenderError(
                "its frozen copy has just gone; save it to try again", file=entry.file
            )
        return _executed(entry, markdown, self._kept.folder(project, entry.file), chapter.text)

    def _meanwhile(self, project: Book, entry: ChapterEntry, chapter: Chapter) -> ExecutedChapter:
        markdown = self._kept.with_new_prose(project, chapter)
        if markdown is not None:
            return _executed(entry, markdown, self._kept.folder(project, entry.file), chapter.text)
        if (older := self._kept.markdown(project, entry.file)) is not None:
            if entry.file in self._shown:
                return self.last_shown(entry)
            return _executed(entry, older, self._kept.folder(project, entry.file), chapter.text)
        return self._with_places(entry, placeholder(project, chapter), chapter.text)

    def _with_places(self, entry: ChapterEntry, made: Executed, text: str) -> ExecutedChapter:
        folder = self._own / "places" / Path(entry.file).with_suffix("")
        for name, content in made.figures.items():
            path = folder / "figure-html" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return _executed(entry, made.markdown, folder, text)

    def _again(
        self,
        project: Book,
        chapter: Chapter,
        tried: _Tried,
        lacking: list[Lacking],
        saved: Collection[Path],
    ) -> bool:
        """Whether a chapter that gave nothing is worth another try."""
        if not same_cells(tried.chapter, chapter):
            return True
        if tried.problem is None:  # wanted results: goes on when other experiments lack them
            return tried.lacking != frozenset(each.experiment for each in lacking)
        files = {project.root / file for file in (chapter.file, *chapter.included)}
        return bool(files & set(saved)) or tried.inputs != self._kept.inputs_of(project, chapter)


def problem_of(error: Exception, file: str) -> Problem:
    """What a page says of an error in a chapter: its first line, the rest as detail."""
    where = file
    message = str(error)
    if isinstance(error, RenderError):
        message = error.message
        where = error.file or file
        if error.line is not None:
            where += f":{error.line}"
    elif isinstance(error, UnicodeDecodeError):
        message = f"not UTF-8 text: {error.reason} at byte {error.start}"
    first, _, rest = message.partition("\n")
    return Problem(page_of(file), where, first, rest)


def page_of(file: str) -> str:
    """The page of a chapter: `report/exp01.html` of `report/exp01.qmd`."""
    return str(PurePosixPath(file).with_suffix(".html"))


def _waiting(entry: ChapterEntry, lacking: list[Lacking], is_training: bool) -> Waiting:
    words = "; ".join(each.words for each in lacking) or "Runs have no result yet"
    names = " ".join(each.experiment for each in lacking)
    if is_training:
        how = "They are being trained; the page follows when all are there."
    else:
        how = (
            f"`cvlib run {names}` in another terminal trains them, and this page follows; so does "
            "`cvlib preview --train`."
        )
    return Waiting(page_of(entry.file), f"{words}. {how}")


def _executed(
    entry: ChapterEntry, markdown: str, folder: Path | None, source: str
) -> ExecutedChapter:
    return ExecutedChapter(
        entry.file, entry.kind, entry.part, entry.depth, markdown, folder, source
    )


def _is_another(root: Path, chapter: Chapter) -> bool:
    """Whether the chapter on disk has other cells than this one."""
    try:
        now = read_chapter(root, chapter.file)
    except WRONG:
        return True
    return now.text != chapter.text and not same_cells(now, chapter)
