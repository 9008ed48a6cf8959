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

from cvlib.engine import pandoc
from cvlib.engine.book import Book, ChapterEntry, load_book, read_book
from cvlib.engine.chapter import Cell, Chapter, ExecutedChapter, Markdown, read_chapter
from cvlib.engine.convert import to_html
from cvlib.engine.errors import RenderError
from cvlib.engine.execute import (
    FIGURE_FOLDERS,
    Ran,
    execute_chapter,
    unexecuted_markdown,
    write_executed,
)
from cvlib.engine.output import publish_site, staging
from cvlib.freeze.carry_over import carried_over, refreeze, same_cells
from cvlib.freeze.freeze import recorded_inputs
from cvlib.freeze.freshness import CITED, INCLUDED, Freshness, ProjectInputs
from cvlib.freeze.frozen_copy import freeze_folder, read_frozen, write_frozen
from cvlib.freeze.inputs import Inputs as Digests
from cvlib.freeze.interpretation import note_fingerprints
from cvlib.freeze.lock import render_lock
from cvlib.journal.captions import expressions_in
from cvlib.journal.captions import expressions_in as expressions_in_captions
from cvlib.journal.handle import TRAIN
from cvlib.project import Project, ProjectError
from cvlib.studies.located_yaml import SpecError
from cvlib.studies.status import needs_work
from cvlib.studies.syntax import SOURCE

# What is wrong with a chapter, or with its file, and not with this program.
WRONG = (RenderError, OSError, UnicodeDecodeError)

VALUE = "…"
TABLE = "| no results yet |\n|:--|\n| … |\n"
FIGURE = """<svg xmlns="http://www.w3.org/2000/svg" width="300pt" height="110pt" viewBox="0 0 300 110">
<rect x="1" y="1" width="298" height="108" rx="4" fill="#f6f7f9" stroke="#b6bdc7" stroke-dasharray="5 4"/>
<text x="150" y="59" text-anchor="middle" font-family="sans-serif" font-size="11" fill="#5b6470">no results yet</text>
</svg>
"""
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

    It remembers of which text each copy of an executed chapter is. inputs: what a chapter read
    besides its text, name -> digest, when `why_untrue` last looked.
    """

    def __init__(self, project: Project, own: Path) -> None:
        self.site = own / "site"
        self.project = project
        self._own = own
        self.inputs: dict[str, Digests] = {}
        self._texts: dict[str, Chapter] = {}
        self._inputs = ProjectInputs(project)
        pandoc.remember()

    def read_settings(self) -> Book:
        """Read `_quarto.yml` and its profile anew."""
        self.settings = load_book(self.project.root, self.project.quarto_profile)
        return self.settings

    def forget(self) -> None:
        """Ask again what chapters read: results, code or settings may have changed."""
        self._inputs = ProjectInputs(self.project)
        # text that was written beside other results is marked
        note_fingerprints(self.project, self._inputs.reader.experiments)

    def lock(self, notify: Callable[[str], None]) -> AbstractContextManager[None]:
        """One at a time writes copies and pages of this project, a render included."""
        return render_lock(self.settings.root, notify)

    def publish(self, chapters: Sequence[ExecutedChapter]) -> None:
        """Write the pages; files that stay as they are keep their time stamp."""
        with staging(self.site) as staged:
            to_html(self.settings, chapters, staged)
            publish_site(staged, self.site, self._own / "site.json")

    # ── one chapter ──────────────────────────────────────────────────────────────────────────

    def read(self, file: str) -> Chapter:
        """A chapter as it is on disk now."""
        return read_chapter(self.settings.root, file)

    def missing(self, chapters: Iterable[Chapter]) -> list[MissingRuns]:
        """The experiments that `chapters` read and that lack results.

        One that cannot be read is passed over: executing the chapter says what is wrong with it.
        """
        names = {name for one in chapters for name in self._inputs.experiments_of(one.file)}
        found = []
        for name in sorted(names):
            try:
                statuses = self._inputs.reader.experiments.statuses(name)
            except (SpecError, ProjectError):
                continue
            runs = [f"{s.planned.name} {s.planned.key}" for s in statuses if needs_work(s, None)]
            if runs:
                found.append(MissingRuns(name, tuple(runs), len(statuses)))
        return found

    def why_untrue(self, chapter: Chapter) -> str | None:
        """Say why the copy of a chapter is not what running it would give; None: it is.

        A change of prose alone is carried over into the copy.
        """
        folder, before = self._folder(chapter.file), self._texts.get(chapter.file)
        freshness = self._freshness()
        now = self.inputs[chapter.file] = freshness.before(chapter)
        formats = self.settings.formats
        reason = freshness.why_untrue(chapter, formats, now, folder)
        if (
            reason is not None
            and before is not None
            and _without_texts(recorded_inputs(folder)) == _without_texts(now)
            and refreeze(folder, before, chapter, partial(freshness.after, chapter.file, now))
        ):
            reason = freshness.why_untrue(chapter, formats, now, folder)
        if reason is None:
            self._texts[chapter.file] = chapter
        return reason

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

        results = execute_chapter(
            self.settings, chapter, notify, environment={TRAIN: "never"}, give_up=is_another
        )
        markdowns = {target: one.markdown for target, one in results.items()}
        figures = {FIGURE_FOLDERS[target]: one.figures for target, one in results.items()}
        before = self.inputs[chapter.file]
        read = self._freshness().after(chapter.file, before, markdowns.values())
        with self.lock(notify):
            write_frozen(self._folder(chapter.file), chapter, markdowns, figures, read)
        self._texts[chapter.file] = chapter

    # ── what its page shows ──────────────────────────────────────────────────────────────────

    def executed(self, entry: ChapterEntry, chapter: Chapter) -> ExecutedChapter:
        """A chapter's copy; of one without code its text."""
        if not chapter.executes:
            return _shown(entry, unexecuted_markdown(chapter), None, chapter.text)
        frozen = read_frozen(self._folder(entry.file), "html")
        if frozen is None:
            raise RenderError(
                "its frozen copy has just gone; save it to try again", file=entry.file
            )
        return _shown(entry, frozen.markdown, self._folder(entry.file), chapter.text)

    def with_new_prose(self, entry: ChapterEntry, chapter: Chapter) -> ExecutedChapter | None:
        """The copy with the present prose; None where there is none, or of other cells."""
        folder, before = self._folder(entry.file), self._texts.get(entry.file)
        frozen = read_frozen(folder, "html")
        if frozen is None or before is None:
            return None
        markdown = carried_over(before, chapter, frozen.markdown)
        return None if markdown is None else _shown(entry, markdown, folder, chapter.text)

    def has_copy(self, file: str) -> bool:
        """Whether there is a copy, of whatever text."""
        return read_frozen(self._folder(file), "html") is not None

    def placeholder(self, entry: ChapterEntry, chapter: Chapter) -> ExecutedChapter:
        """A chapter that never ran: its text, with places kept for figures, tables and numbers.

        So that somebody can write while a training goes on, and references lead somewhere.
        """
        head, *blocks = (_place(block) for block in (chapter.head, *chapter.blocks))
        made = write_executed(self.settings, chapter, head.outputs, blocks)["html"]
        return self._with_figures(entry, made.markdown, made.figures, chapter.text)

    def outline(self, entry: ChapterEntry) -> ExecutedChapter:
        """A chapter that cannot be read at all: its headings and labels.

        A reference from another chapter is then no error of that one.
        """
        path = self.project.root / entry.file
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        headings = _HEADING.findall(_FENCED.sub("", text)) or [f"# {path.stem}"]
        labels = dict.fromkeys(_LABEL.findall(text))
        places = [
            f"::: {{#{label}}}\n{TABLE}\n:::" if label.startswith("tbl-")
            else f"![{VALUE}]({path.stem}_files/figure-html/place.svg){{#{label}}}"
            for label in labels
        ]  # fmt: skip
        markdown = "\n\n".join([*headings, *places]) + "\n"
        return self._with_figures(entry, markdown, {"place.svg": FIGURE.encode()}, text)

    def _with_figures(
        self, entry: ChapterEntry, markdown: str, figures: Mapping[str, bytes], text: str
    ) -> ExecutedChapter:
        folder = self._own / "places" / Path(entry.file).with_suffix("")
        for name, content in figures.items():
            path = folder / "figure-html" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return _shown(entry, markdown, folder, text)

    def _folder(self, file: str) -> Path:
        root = self._own if self.settings.freeze is False else self.settings.root
        return freeze_folder(root, file)

    def _freshness(self) -> Freshness:
        settings = self.settings
        return Freshness(read_book(settings.root, settings.profile), self._inputs)


def _shown(entry: ChapterEntry, markdown: str, folder: Path | None, source: str) -> ExecutedChapter:
    return ExecutedChapter(
        entry.file, entry.kind, entry.part, entry.depth, markdown, folder, source
    )


def _place(block: Cell | Markdown) -> Ran:
    """What stands for what a block will give."""
    if isinstance(block, Markdown):
        count = len(expressions_in(block.text))
        return Ran([{"status": "ok", "data": {"text/markdown": VALUE}}] * count)
    captions = {asked: {"text/markdown": VALUE} for asked in expressions_in_captions(block.options)}
    label, panels = str(block.options.get("label", "")), block.options.get("fig-subcap")
    data, count = {}, 0
    if label.startswith("fig-"):
        data, count = {"image/svg+xml": FIGURE}, len(panels) if isinstance(panels, list) else 1
    elif label.startswith("tbl-"):
        data, count = {"text/markdown": TABLE}, 1
    shown = {"output_type": "display_data", "data": data, "metadata": {}}
    return Ran([shown] * count, captions)


def _without_texts(inputs: Mapping[str, str] | None) -> dict[str, str] | None:
    """Inputs without those that are part of the chapter's text, or tell nothing by themselves."""
    if inputs is None:
        return None
    textual = (INCLUDED, CITED, SOURCE)
    return {name: digest for name, digest in inputs.items() if not name.startswith(textual)}
