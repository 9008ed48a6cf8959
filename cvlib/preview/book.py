"""All that a preview asks of the engine and of the freeze: chapters read, executed, kept, published.

Executed chapters are kept in the freeze, or beside the preview where nothing is frozen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cvlib.engine import execute
from cvlib.engine.book import Book, ChapterEntry
from cvlib.engine.chapter import Chapter, ExecutedChapter
from cvlib.engine.convert import to_html
from cvlib.engine.errors import CellFailed, RenderError, raise_all
from cvlib.engine.output import publish_site, staging
from cvlib.errors import CvlibError
from cvlib.freeze import freshness
from cvlib.freeze.carry_over import carried_over, refreeze, same_cells
from cvlib.freeze.frozen_copy import FrozenCopy, Record, freeze_folder, read_frozen, write_frozen
from cvlib.freeze.interpretation import fingerprints_file, note_fingerprints, noted_fingerprints
from cvlib.freeze.lock import render_lock
from cvlib.journal.handle import TRAIN
from cvlib.project import Project
from cvlib.recorder import start_in_kernel
from cvlib.studies.status import needs_work

# What is wrong with a chapter, or with its file, and not with this program.
WRONG = (RenderError, OSError)

_FENCED = re.compile(r"^(```+|~~~+).*?^\1`*\s*$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#{1,4} .*\S", re.MULTILINE)
_LABEL = re.compile(r"(?:^#\|\s*label:\s*|\{#)((?:fig|tbl)-[\w-]+)", re.MULTILINE)


@dataclass(frozen=True)
class MissingRuns:
    """An experiment with runs that have no result. runs: name and key of each; total: of all."""

    experiment: str
    runs: tuple[str, ...]
    total: int

    def __str__(self) -> str:
        """`exp06: 3 of 45 runs have no result`."""
        have = "has" if len(self.runs) == 1 else "have"
        return f"{self.experiment}: {len(self.runs)} of {self.total} runs {have} no result"


class PreviewedBook:
    """The chapters of one project. own: a folder for what is kept of this preview alone.

    It remembers of which text each copy of an executed chapter is, and what a chapter read whose
    execution failed.
    """

    def __init__(self, project: Project, own: Path) -> None:
        self.site = own / "site"
        self.project = project
        self._own = own
        self._texts: dict[str, Chapter] = {}
        self._failed: dict[str, Record] = {}

    def read_settings(self) -> Book:
        """Read `_quarto.yml` and its profile anew. Raises what the embedded engine cannot carry out."""
        self.project.forget_book()
        self.settings = self.project.book()
        raise_all(self.settings.problems)
        return self.settings

    def forget(self) -> None:
        """Ask again what chapters read: results, code or settings may have changed."""
        self.project.forget()
        note_fingerprints(self.project)  # text that was written beside other results is marked

    def lock(self, notify: Callable[[str], None]) -> AbstractContextManager[bool]:
        """One at a time writes copies and pages of this project, a render included."""
        return render_lock(self.settings.root, notify)

    def publish(self, chapters: Sequence[ExecutedChapter]) -> None:
        """Write the pages; files that stay as they are keep their time stamp."""
        with staging(self.site) as staged:
            now = noted_fingerprints(fingerprints_file(self.project))
            to_html(self.settings, chapters, staged, now)
            publish_site(staged, self.site, self._own / "site.json")

    # ── one chapter ──────────────────────────────────────────────────────────────────────────

    def read(self, file: str) -> Chapter:
        """A chapter as it is on disk now."""
        self.project.forget_chapter(file)
        return self.project.chapter(file)

    def missing(self, chapters: Iterable[Chapter]) -> list[MissingRuns]:
        """The experiments that `chapters` read and that lack results.

        One that cannot be read is passed over: executing the chapter says what is wrong with it.
        """
        names = {name for one in chapters for name in self.project.experiments_of(one.file)}
        found = []
        for name in sorted(names):
            try:
                statuses = self.project.statuses(name)
            except CvlibError:
                continue
            runs = [f"{s.planned.name} {s.planned.key}" for s in statuses if needs_work(s, None)]
            if runs:
                found.append(MissingRuns(name, tuple(runs), len(statuses)))
        return found

    def why_untrue(self, chapter: Chapter) -> str | None:
        """Say why the copy of a chapter is not what running it would give; None: it is.

        A change of prose alone is carried over into the copy.
        """
        file, targets = chapter.file, self.settings.targets
        folder, before = self._folder(file), self._texts.get(file)
        copy = FrozenCopy(folder)
        why = freshness.why_untrue(self.project, file, targets, copy)
        if (
            why is not None
            and before is not None
            and copy.record is not None
            and freshness.differs_in_prose_alone(self.project, file, copy.record)
            and refreeze(
                folder, before, chapter, partial(freshness.record_of_other_text, self.project, file)
            )
        ):
            why = freshness.why_untrue(self.project, file, targets, FrozenCopy(folder))
        if why is None:
            self._texts[file] = chapter
        return why

    def would_fail_again(self, file: str) -> bool:
        """Whether all is as it was that a chapter read until its last execution failed."""
        record = self._failed.get(file)
        return record is not None and not freshness.reason(
            record.reads, freshness.reads_now(self.project, file, record)
        )

    def has_same_cells(self, chapter: Chapter, before: Chapter | None = None) -> bool:
        """Whether `before`, else the chapter that the copy is of, has the same cells."""
        before = before or self._texts.get(chapter.file)
        return before is not None and same_cells(before, chapter)

    def execute(self, chapter: Chapter, notify: Callable[[str], None]) -> None:
        """Run a chapter's cells, which train nothing, and keep what they give.

        Raises CellFailed, and GivenUp when the chapter on disk has other cells meanwhile.
        """

        def is_another() -> bool:
            try:
                now = self.read(chapter.file)
            except WRONG:
                return True
            return now.text != chapter.text and not same_cells(now, chapter)

        file, own = chapter.file, freshness.own_reads(self.project, chapter.file)
        setup = start_in_kernel(self.project.root, file)
        try:
            results = execute.execute_chapter(
                self.settings,
                chapter,
                notify,
                environment={TRAIN: "never"},
                give_up=is_another,
                setup=setup,
            )
        except CellFailed:
            if (left := freshness.take_reads(self.project, file)) is not None:
                self._failed[file] = freshness.whole_record(self.project, left.record, own, ())
            raise
        markdowns = {target: one.markdown for target, one in results.items()}
        figures = {execute.FIGURE_FOLDERS[target]: one.figures for target, one in results.items()}
        left = freshness.take_reads(self.project, file)
        record = (
            freshness.whole_record(self.project, left.record, own, markdowns.values())
            if left
            else None
        )
        with self.lock(notify):
            write_frozen(self._folder(file), chapter, markdowns, figures, record)
        self._texts[file] = chapter

    # ── what its page shows ──────────────────────────────────────────────────────────────────

    def executed(self, entry: ChapterEntry, chapter: Chapter) -> ExecutedChapter:
        """A chapter's copy; of one without code its text."""
        if not chapter.executes:
            return ExecutedChapter(entry, execute.unexecuted_markdown(chapter), None, chapter.text)
        frozen = read_frozen(self._folder(entry.file), "html")
        if frozen is None:
            raise RenderError(
                "its frozen copy has just gone; save it to try again", file=entry.file
            )
        return ExecutedChapter(entry, frozen.markdown, self._folder(entry.file), chapter.text)

    def meanwhile(
        self, entry: ChapterEntry, chapter: Chapter, last: ExecutedChapter | None
    ) -> ExecutedChapter:
        """What a chapter shows until its cells have run: its copy, with the present prose.

        last: what it showed last, which stays where the copy is of other cells. One that never ran
        shows its text, with places kept for figures, tables and numbers.
        """
        folder, before = self._folder(entry.file), self._texts.get(entry.file)
        frozen = read_frozen(folder, "html")
        if frozen is None:  # somebody can write while a training goes on, and references lead on
            made = execute.with_places_kept(self.settings, chapter)["html"]
            return self._with_figures(entry, made.markdown, made.figures, chapter.text)
        markdown = before and carried_over(before, chapter, frozen.markdown)
        if markdown is None and last is not None:
            return last
        return ExecutedChapter(entry, markdown or frozen.markdown, folder, chapter.text)

    def outline(self, entry: ChapterEntry) -> ExecutedChapter:
        """A chapter that cannot be read at all: its headings and labels.

        A reference from another chapter is then no error of that one.
        """
        path = self.project.root / entry.file
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        headings = _HEADING.findall(_FENCED.sub("", text)) or [f"# {path.stem}"]
        labels = dict.fromkeys(_LABEL.findall(text))
        places = [
            f"::: {{#{label}}}\n{execute.TABLE}\n:::" if label.startswith("tbl-")
            else f"![{execute.VALUE}]({path.stem}_files/figure-html/place.svg){{#{label}}}"
            for label in labels
        ]  # fmt: skip
        markdown = "\n\n".join([*headings, *places]) + "\n"
        return self._with_figures(entry, markdown, {"place.svg": execute.FIGURE.encode()}, text)

    def _with_figures(
        self, entry: ChapterEntry, markdown: str, figures: Mapping[str, bytes], text: str
    ) -> ExecutedChapter:
        folder = self._own / "places" / Path(entry.file).with_suffix("")
        for name, content in figures.items():
            path = folder / "figure-html" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return ExecutedChapter(entry, markdown, folder, text)

    def _folder(self, file: str) -> Path:
        root = self._own if self.settings.freeze is False else self.settings.root
        return freeze_folder(root, file)
