"""Executed chapters as they are kept: in the freeze, or beside the preview where nothing is frozen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cvlib.engine.chapter import Chapter
from cvlib.engine.execute import FIGURE_FOLDERS, execute_chapter
from cvlib.engine.book import Book
from cvlib.engine.book import read_book
from cvlib.freeze.carry_over import carried_over, same_cells
from cvlib.engine.chapter import read_chapter
from cvlib.freeze.frozen_copy import freeze_folder, read_frozen, write_frozen
from cvlib.freeze.freeze import recorded_inputs
from cvlib.freeze.freshness import Freshness, ProjectInputs
from cvlib.freeze.inputs import SOURCE
from cvlib.freeze.lock import render_lock
from cvlib.freeze.freshness import CITED, INCLUDED
from cvlib.freeze.refreeze import refreeze
from cvlib.preview.results import Lacking, lacking
from cvlib.project import Project

if TYPE_CHECKING:
    from cvlib.freeze.refreeze import Inputs as Digests


class Kept:
    """The copies of one project's chapters. It remembers of which text each of them is."""

    def __init__(self, layout: Project, own: Path) -> None:
        self._layout = layout
        self._own = own
        self._texts: dict[str, Chapter] = {}
        self.forget()

    def forget(self) -> None:
        """Ask again what chapters read: results, code or settings may have changed."""
        self._inputs = _OnceInputs(self._layout)

    def note_fingerprints(self) -> None:
        """Tell the pages which results there are: text that was written beside others is marked."""
        from cvlib.freeze.interpretation import note_fingerprints

        note_fingerprints(self._layout, self._inputs.reader.experiments)

    def lacking(self, chapters: Iterable[Chapter]) -> list[Lacking]:
        """The experiments that `chapters` read and that lack results."""
        names = {name for one in chapters for name in self._inputs.experiments_of(one.file)}
        return lacking(self._inputs.reader.experiments, names)

    def folder(self, project: Book, file: str) -> Path:
        """Where the copy of a chapter is."""
        return freeze_folder(self._own if project.freeze is False else project.root, file)

    def why_untrue(self, project: Book, chapter: Chapter) -> str | None:
        """Say why the copy of a chapter is not what running it would give; None: it is.

        A change of prose alone is carried over into the copy.
        """
        folder = self.folder(project, chapter.file)
        freshness = self._freshness(project)
        now = freshness.before(chapter)
        reason = freshness.why_untrue(chapter, project.formats, now, folder)
        before = self._texts.get(chapter.file)
        if (
            reason is not None
            and before is not None
            and _without_texts(recorded_inputs(folder)) == _without_texts(now)
            and refreeze(folder, before, chapter, partial(freshness.after, chapter.file, now))
        ):
            reason = freshness.why_untrue(chapter, project.formats, now, folder)
        if reason is None:
            self._texts[chapter.file] = chapter
        return reason

    def has_same_cells(self, chapter: Chapter) -> bool:
        """Whether the copy is of a chapter with the same cells."""
        before = self._texts.get(chapter.file)
        return before is not None and same_cells(before, chapter)

    def markdown(self, project: Book, file: str) -> str | None:
        """What the copy shows, for HTML."""
        frozen = read_frozen(self.folder(project, file), "html")
        return None if frozen is None else frozen.markdown

    def with_new_prose(self, project: Book, chapter: Chapter) -> str | None:
        """What the copy shows, with the chapter's present prose; None when its cells are others."""
        before, markdown = self._texts.get(chapter.file), self.markdown(project, chapter.file)
        if before is None or markdown is None:
            return None
        return carried_over(before, chapter, markdown)

    def execute(
        self,
        project: Book,
        chapter: Chapter,
        environment: Mapping[str, str],
        give_up: Callable[[], bool],
        notify: Callable[[str], None],
    ) -> None:
        """Run a chapter's cells and keep what they give. Raises what `execute_chapter` raises."""
        freshness = self._freshness(project)
        now = freshness.before(chapter)
        results = execute_chapter(
            project, chapter, notify, environment=environment, give_up=give_up
        )
        markdowns = {target: one.markdown for target, one in results.items()}
        figures = {FIGURE_FOLDERS[target]: one.figures for target, one in results.items()}
        read = freshness.after(chapter.file, now, markdowns.values())
        with render_lock(project.root, notify):
            folder = self.folder(project, chapter.file)
            write_frozen(folder, chapter, markdowns, figures, read)
        self._texts[chapter.file] = chapter

    def inputs_of(self, project: Book, chapter: Chapter) -> Mapping[str, str]:
        """What a chapter reads besides its text: name -> digest."""
        return self._freshness(project).before(chapter)

    def _freshness(self, project: Book) -> Freshness:
        return Freshness(read_book(project.root, project.profile), self._inputs)


class _OnceInputs(ProjectInputs):
    """What chapters read, asked once for the same code: most edits change a text alone."""

    def __init__(self, layout: Project) -> None:
        super().__init__(layout)
        self._known: dict[tuple[str, ...], Digests] = {}

    def __call__(self, file: str) -> Digests:
        from cvlib.freeze.inputs import python_of

        code = tuple(python_of(read_chapter(self._layout.root, file).text))
        if code not in self._known:
            self._known[code] = super().__call__(file)
        return self._known[code]

    def again(self, file: str) -> Digests:
        self._known.clear()
        return super().again(file)


def _without_texts(inputs: Mapping[str, str] | None) -> dict[str, str] | None:
    """Inputs without those that are part of the chapter's text, or tell nothing by themselves."""
    if inputs is None:
        return None
    textual = (INCLUDED, CITED, SOURCE)
    return {name: digest for name, digest in inputs.items() if not name.startswith(textual)}
