"""`cvlib render`: from chapters to the PDF and the HTML, running only what must run."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cvlib.engine.book import ChapterEntry
from cvlib.engine.chapter import Cell, Chapter, read_chapter
from cvlib.engine.errors import BookError
from cvlib.engine.executed import ExecutedChapter
from cvlib.engine.output import publish_file, publish_site, staging
from cvlib.engine.project import Book, Target, load_book
from cvlib.freeze.book_files import read_book_files
from cvlib.freeze.chapter_source import read_source
from cvlib.freeze.freeze import fill_folder, freeze_folder, read_frozen, write_frozen
from cvlib.freeze.freshness import Freshness, Inputs
from cvlib.freeze.lock import render_lock

Notify = Callable[[str], None]
_ENGINES = ("auto", "quarto", "embedded")
_TARGETS: dict[str, tuple[Target, ...]] = {
    "pdf": ("typ",),
    "html": ("html",),
    "all": ("typ", "html"),
}


@dataclass(frozen=True)
class RenderResult:
    """What a render made. `executed` maps each chapter that ran to the reason."""

    engine: Literal["quarto", "embedded"]
    outputs: tuple[Path, ...]
    executed: Mapping[str, str]
    frozen: tuple[str, ...]
    seconds: float


def render(
    root: Path,
    *,
    chapters: Iterable[str] | None = None,
    to: str = "all",
    engine: str = "auto",
    profile: str | None = None,
    fresh: bool = False,
    trust_freeze: bool = False,
    inputs: Inputs | None = None,
    verified: bool = False,
    notify: Notify = print,
) -> RenderResult:
    """Render the book in `root`: `to` is pdf, html or all.

    `chapters` (names as exp01, or paths) run in any case; every other chapter runs only if its
    frozen copy does not stand. `fresh` runs all. `inputs` tells what a chapter reads besides its
    text; `verified`: it is known that every frozen copy stands. Raises a PublishError; the output
    folder then holds what it held before.
    """
    if to not in _TARGETS:
        raise BookError(f"to={to!r}, expected one of {', '.join(_TARGETS)}")
    if engine not in _ENGINES:
        raise BookError(f"engine={engine!r}, expected one of {', '.join(_ENGINES)}")
    if engine != "embedded":
        from cvlib.engine.quarto import find_quarto
        from cvlib.freeze.quarto_render import render_with_quarto

        quarto = find_quarto()
        if quarto is not None:
            return render_with_quarto(
                quarto, root, chapters=chapters, to=to, profile=profile, fresh=fresh,
                trust_freeze=trust_freeze, inputs=inputs, verified=verified, notify=notify,
            )  # fmt: skip
        if engine == "quarto":
            raise BookError(
                "no Quarto on PATH and QUARTO is not set; install it, or use --engine embedded"
            )
    started = time.monotonic()
    project = load_book(root, profile)
    targets = _declared(project, to)
    parsed = {entry.file: read_chapter(project.root, entry.file) for entry in project.book.chapters}
    asked = frozenset(resolve_chapter(project, name) for name in chapters or ())
    book = read_book_files(project.root, profile)
    freshness = Freshness(book, inputs, fresh, asked, trust_freeze, verified)

    with (
        render_lock(project.root, notify),
        tempfile.TemporaryDirectory(prefix="cvlib-render-") as scratch,
    ):
        kept: dict[str, Path] = {}
        executed: dict[str, str] = {}
        for chapter in parsed.values():
            if not chapter.executes:
                continue
            reason = freshness.why_execute(read_source(project.root, chapter.file))
            if reason is not None and not (project.freeze is True and reason == "text changed"):
                kept[chapter.file] = _execute(
                    project, chapter, reason, freshness, Path(scratch), notify
                )
                executed[chapter.file] = reason
            else:
                if reason is not None:
                    notify(f"{chapter.file}: {reason}, but freeze is true: its frozen copy is used")
                kept[chapter.file] = freeze_folder(project.root, chapter.file)
        outputs = [path for target in targets for path in _convert(project, parsed, kept, target)]
    frozen = tuple(file for file in kept if file not in executed)
    return RenderResult("embedded", tuple(outputs), executed, frozen, time.monotonic() - started)


def resolve_chapter(project: Book, name: str) -> str:
    """Return the chapter's file for exp01, report/exp01 or report/exp01.qmd."""
    plain = name.replace("\\", "/").removeprefix("./").removesuffix(".qmd")
    for entry in project.book.chapters:
        if plain in (entry.name, entry.file.removesuffix(".qmd")):
            return entry.file
    known = ", ".join(entry.name for entry in project.book.chapters)
    raise BookError(f"no chapter {name!r} in the book; its chapters are {known}")


def _declared(project: Book, to: str) -> list[Target]:
    targets = [target for target in _TARGETS[to] if target in project.formats]
    if not targets or (to != "all" and len(targets) < len(_TARGETS[to])):
        raise BookError(f"`format:` has nothing that makes {to}", file="_quarto.yml")
    return targets


def _execute(
    project: Book,
    chapter: Chapter,
    reason: str,
    freshness: Freshness,
    scratch: Path,
    notify: Notify,
) -> Path:
    """Run a chapter and keep the result: in the freeze, or in `scratch` where freeze is off."""
    from cvlib.engine.execute import FIGURE_FOLDERS, execute_chapter

    cells = sum(isinstance(block, Cell) for block in chapter.blocks)
    notify(f"{chapter.file}: {reason}; running {cells} cell{'' if cells == 1 else 's'}")
    started = time.monotonic()
    before = freshness.before(read_source(project.root, chapter.file))
    results = execute_chapter(project, chapter, on_stderr=_show)
    markdowns = {target: result.markdown for target, result in results.items()}
    figures = {FIGURE_FOLDERS[target]: result.figures for target, result in results.items()}
    if project.freeze is False:
        folder = scratch / Path(chapter.file).with_suffix("")
        folder.mkdir(parents=True)
        fill_folder(folder, chapter, markdowns, figures)
    else:
        folder = freeze_folder(project.root, chapter.file)
        read = freshness.after(chapter.file, before, markdowns.values())
        write_frozen(folder, chapter, markdowns, figures, read)
    notify(f"{chapter.file}: done in {time.monotonic() - started:.1f} s")
    return folder


def _convert(
    project: Book,
    parsed: Mapping[str, Chapter],
    kept: Mapping[str, Path],
    target: Target,
) -> list[Path]:
    from cvlib.engine import convert

    chapters = [
        _executed(entry, parsed[entry.file], kept.get(entry.file), target)
        for entry in project.book.chapters
    ]
    with staging(project.output_dir) as staged:
        if target == "typ":
            name = f"{project.book.output_file}.pdf"
            convert.to_pdf(project, chapters, staged / name)
            publish_file(staged / name, project.output_dir / name)
            return [project.output_dir / name]
        convert.to_html(project, chapters, staged)
        manifest = project.root / ".quarto" / f"site-{project.output_dir.name}.json"
        publish_site(staged, project.output_dir, manifest)
        return [project.output_dir / "index.html"]


def _executed(
    entry: ChapterEntry, chapter: Chapter, folder: Path | None, target: Target
) -> ExecutedChapter:
    if folder is None:
        from cvlib.engine.execute import unexecuted_markdown

        markdown = unexecuted_markdown(chapter)
    else:
        frozen = read_frozen(folder, target)
        if frozen is None:
            raise BookError(f"its frozen copy {folder} is gone; render again", file=entry.file)
        markdown = frozen.markdown
    return ExecutedChapter(
        entry.file, entry.kind, entry.part, entry.depth, markdown, folder, chapter.text
    )


def _show(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
