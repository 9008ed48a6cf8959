"""`cvlib render`: train what is missing, execute what is not frozen and true, make the PDF and the HTML."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cvlib.engine.book import Target
from cvlib.engine.chapter import Chapter, ExecutedChapter
from cvlib.engine.errors import BookError, CellFailed, Missing, RenderError, all_of
from cvlib.engine.output import publish_file, publish_site, staging
from cvlib.freeze.freshness import (
    frozen_copy,
    other_versions,
    own_reads,
    take_reads,
    whole_record,
    why_execute,
)
from cvlib.freeze.frozen_copy import (
    FrozenCopy,
    clear_leftovers,
    fill_folder,
    freeze_folder,
    write_frozen,
)
from cvlib.freeze.hook import Notify, note_executed, register_hypotheses, sweep
from cvlib.freeze.interpretation import fingerprints, note_fingerprints
from cvlib.freeze.lock import render_lock
from cvlib.project import Project, find_project
from cvlib.recorder import start_in_kernel
from cvlib.terminal import drawable, printable

if TYPE_CHECKING:
    from cvlib.studies.status import RunStatus

_KERNELS = 2  # chapters that run at once: more hardly help, each has its own copy of everything
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


def render_report(
    chapters: Sequence[str],
    *,
    to: str = "all",
    engine: str = "auto",
    profile: str | None = None,
    fresh: bool = False,
) -> int:
    """Train what the chapters' experiments lack, then render. Returns the exit code.

    Training comes first and in this process, not in a chapter's kernel: its progress is seen, and
    Ctrl-C is clean. The chapters' own `exp.run()` then finds everything there.
    """
    project = find_project(profile=profile)
    os.environ["CVLIB_PROFILE"] = project.profile  # the chapters' kernels ask for it

    def notify(text: str) -> None:
        print(printable(text), file=sys.stderr, flush=True)

    from cvlib.engine.quarto import find_quarto
    from cvlib.studies.status import needs_work

    if engine == "embedded" or (engine == "auto" and find_quarto() is None):
        _read_ahead(project, to)
    named = project.experiments_of_book()
    if any(needs_work(status, None) for name in named for status in project.statuses(name)):
        from cvlib.studies.run import run_experiments

        if run_experiments(project, named).interrupted:
            return 130
        project.forget_results()
    for note in _run_notes([status for name in named for status in project.statuses(name)]):
        notify(f"note: {note}")
    result = render(project, chapters=chapters, to=to, engine=engine, fresh=fresh, notify=notify)
    for path in result.outputs:
        print(printable(path.relative_to(project.root)))
        if path.suffix == ".pdf" and to != "html" and project.profile == "default":
            from cvlib.check.check_report import say_whether_ready

            say_whether_ready(project, path, notify)
    return 0


def _read_ahead(project: Project, to: str) -> None:
    """Begin with what a render of frozen chapters waits for longest, while they are judged."""
    from cvlib.engine.pandoc import read_ahead

    with suppress(RenderError, OSError):  # the render says what is wrong
        files = [entry.file for entry in project.book().chapters]
        copies = [frozen_copy(project, file) for file in files]
        frozen = [copy.read(target) for target in _TARGETS[to] for copy in copies]
        read_ahead(one.markdown for one in frozen if one is not None)


def _version_notes(project: Project, files: Iterable[str]) -> Iterator[str]:
    """What is to be said of chapters that stand, and were made with other packages."""
    by_versions: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for file in files:
        by_versions[other_versions(project, file)].append(file)
    for versions, those in by_versions.items():
        if versions:
            yield (
                f"{', '.join(those)}: made with other packages, {', '.join(versions)}; "
                "`cvlib render CHAPTER --fresh` makes it anew"
            )


def _run_notes(statuses: Sequence[RunStatus]) -> Iterator[str]:
    """What is to be said of runs that the report shows, and that are not to be trained."""
    for cue in ("code", "environment"):
        stale = sum(s.state == "stale" and s.cue == cue for s in statuses)
        if stale:
            yield (
                f"{stale} of {len(statuses)} runs are stale by {cue}; the report says so. "
                f"`cvlib run --rerun {cue}` trains them again."
            )
    for status in statuses:
        if status.state == "failed":
            yield f"{status.planned.name} failed: {status.reason}"


def render(
    project: Project,
    *,
    chapters: Iterable[str] = (),
    to: str = "all",
    engine: str = "auto",
    fresh: bool = False,
    notify: Notify = print,
) -> RenderResult:
    """Render the book: `to` is pdf, html or all.

    `chapters` (names as exp01, or paths) run in any case; every other chapter runs only if its
    frozen copy does not stand. `fresh` without chapters runs all. Raises a RenderError; the output
    folder then holds what it held before.
    """
    if to not in _TARGETS:
        raise BookError(f"to={to!r}, expected one of {', '.join(_TARGETS)}")
    if engine not in _ENGINES:
        raise BookError(f"engine={engine!r}, expected one of {', '.join(_ENGINES)}")
    started = time.monotonic()
    asked = dict.fromkeys((resolve_chapter(project, name) for name in chapters), "asked for")
    if fresh and not asked:
        files = [entry.file for entry in project.book().chapters]
        asked = dict.fromkeys(files, "asked to run afresh")
    note_fingerprints(project)
    register_hypotheses(project)
    if engine != "embedded":
        from cvlib.engine.quarto import find_quarto

        quarto = find_quarto()
        if quarto is not None:
            made, reasons, true = _with_quarto(project, quarto, asked, to, notify)
            return RenderResult("quarto", made, reasons, true, time.monotonic() - started)
        if engine == "quarto":
            raise BookError(
                "no Quarto on PATH and QUARTO is not set; install it, or use --engine embedded"
            )
    made, reasons, true = _embedded(project, asked, to, notify)
    return RenderResult("embedded", made, reasons, true, time.monotonic() - started)


def resolve_chapter(project: Project, name: str) -> str:
    """The chapter's file for exp01, report/exp01 or report/exp01.qmd."""
    plain = name.replace("\\", "/").removeprefix("./").removesuffix(".qmd")
    for entry in project.book().chapters:
        if plain in (entry.name, entry.file.removesuffix(".qmd")):
            return entry.file
    known = ", ".join(entry.name for entry in project.book().chapters)
    raise BookError(f"no chapter {name!r} in the book; its chapters are {known}")


_Rendered = tuple[tuple[Path, ...], dict[str, str], tuple[str, ...]]  # outputs, reasons, frozen


def _with_quarto(
    project: Project, quarto: Path, asked: Mapping[str, str], to: str, notify: Notify
) -> _Rendered:
    """Quarto goes by a chapter's text alone: a frozen copy that is not true is removed first."""
    from cvlib.engine.quarto import check_version, run_quarto

    notify(f"Quarto {check_version(quarto)}")
    book = project.book()
    target: Target | None = {"pdf": "typ", "html": "html"}.get(to)  # type: ignore[assignment]
    name = None if target is None else book.formats[target].name
    of_one = [file for file, why in asked.items() if why == "asked for"]
    with render_lock(project.root, notify) as waited:
        if waited:
            project.forget()
        reasons: dict[str, str] = dict(asked)
        before: dict[str, dict[str, str]] = {}
        if book.freeze is not False:
            reasons, before = sweep(project, notify, None if target is None else [target], asked)
        each: list[str | None] = [*of_one] or [None]
        for file in each:
            run_quarto(
                quarto, project.root, file=file, to=name, profile=book.profile, notify=notify
            )
        note_executed(project, before, notify)
    made = [book.pdf, book.output_dir / "index.html"]
    frozen = tuple(file for file in before if file not in reasons)
    return tuple(path for path in made if path.is_file()), reasons, frozen


def _embedded(project: Project, asked: Mapping[str, str], to: str, notify: Notify) -> _Rendered:
    book, problems = project.book(), [*project.book().problems]
    targets = [target for target in _TARGETS[to] if target in book.formats]
    if not targets or (to != "all" and len(targets) < len(_TARGETS[to])):
        problems.append(BookError(f"`format:` has nothing that makes {to}", file="_quarto.yml"))
    parsed = {}
    for entry in book.chapters:
        try:
            parsed[entry.file] = project.chapter(entry.file)
            problems += parsed[entry.file].problems
        except BookError as error:
            problems.append(error)
        except FileNotFoundError:
            continue  # the book says so
    if problems:
        raise all_of([*problems, *_further_problems(project, parsed, targets)])
    with (
        render_lock(project.root, notify) as waited,
        tempfile.TemporaryDirectory(prefix="cvlib-render-") as scratch,
    ):
        if waited:
            project.forget()  # another render may have made anew what was read until now
        for file in parsed:
            clear_leftovers(freeze_folder(project.root, file))
        copies = {f: frozen_copy(project, f) for f, chapter in parsed.items() if chapter.executes}
        executed: dict[str, str] = {}
        # twice: which experiments the others ask for is known when those have run
        for candidates in (list(copies), [f for f in copies if _sums_up(project, f)]):
            reasons: dict[str, str] = {}
            for file in candidates:
                reason = asked.get(file) if file not in executed else None
                reason = reason or why_execute(project, file)
                if reason == "text changed" and book.freeze is True:
                    notify(f"{file}: {reason}, but freeze is true: its frozen copy is used")
                elif reason is not None and (book.freeze is not False or file not in executed):
                    reasons[file] = reason
            try:
                copies |= _execute(project, reasons, Path(scratch), notify)
            except CellFailed as error:
                raise all_of([error, *_further_problems(project, parsed, targets)]) from None
            executed = reasons | executed
        for note in _version_notes(project, (f for f in copies if f not in executed)):
            notify(note)
        made = tuple(path for target in targets for path in _convert(project, copies, target))
    return made, executed, tuple(file for file in copies if file not in executed)


def _further_problems(
    project: Project, parsed: Mapping[str, Chapter], targets: Iterable[Target]
) -> Iterator[RenderError]:
    """What else is wrong with the chapters of a book that cannot be rendered, as far as is known.

    A chapter that did not run as it is now has places for what its cells would give. What a cell
    may make, or what an unreadable part may hold, is not missed.
    """
    from cvlib.engine.convert import conversion_problems
    from cvlib.engine.execute import FIGURE_FOLDERS, with_places_kept

    book, texts, code = project.book(), [], ""
    target = next(iter(targets), None)
    if target is None:
        return
    with tempfile.TemporaryDirectory(prefix="cvlib-places-") as scratch:
        chapters = []
        for entry in book.chapters:
            chapter, path = parsed.get(entry.file), project.root / entry.file
            if chapter is None:
                text = path.read_text("utf-8", "replace") if path.is_file() else ""
                markdown, folder = f"# {path.stem}\n", None
            else:
                text, copy = chapter.full_text, frozen_copy(project, entry.file)
                frozen, folder = copy.read(target) if chapter.executes else None, copy.folder
                if frozen is None or frozen.hash != chapter.hash:
                    made = with_places_kept(book, chapter)[target]
                    markdown, folder = made.markdown, Path(scratch) / entry.file
                    (folder / FIGURE_FOLDERS[target]).mkdir(parents=True)
                    for name, figure in made.figures.items():
                        (folder / FIGURE_FOLDERS[target] / name).write_bytes(figure)
                    code += "".join(cell.code for cell in chapter.cells)
                else:
                    markdown = frozen.markdown
            texts.append(text)
            chapters.append(ExecutedChapter(entry, markdown, folder, text))
        for problem in conversion_problems(book, chapters, target):
            if not (isinstance(problem, Missing) and _may_be_made(problem.what, texts, code)):
                yield problem


def _may_be_made(what: str, texts: Iterable[str], code: str) -> bool:
    """Whether a label stands somewhere in the texts, or cells might make it, or a picture."""
    label = re.compile(rf"(?:\{{#|label:\s*|\bid=)[\"']?{re.escape(what)}(?![\w-])", re.IGNORECASE)
    is_made = "{#" in code or "save" in code or what in code
    return is_made or any(label.search(text) for text in texts)


def _sums_up(project: Project, file: str) -> bool:
    """Whether a chapter shows all experiments that any chapter of the book asks for."""
    record = frozen_copy(project, file).record
    return record is None or "book experiments" in record.reads


def _execute(
    project: Project, reasons: Mapping[str, str], scratch: Path, notify: Notify
) -> dict[str, FrozenCopy]:
    """Run chapters, two at a time, and keep what they give: in the freeze, else in `scratch`.

    The first that fails ends the others; what was done by then is kept.
    """
    from cvlib.engine.execute import FIGURE_FOLDERS, Executed, execute_chapter

    stop = threading.Event()
    own = {file: own_reads(project, file) for file in reasons}

    def run(file: str) -> tuple[dict[Target, Executed], float]:
        chapter = project.chapter(file)
        cells = len(chapter.cells)
        notify(f"{file}: {reasons[file]}; running {cells} cell{'' if cells == 1 else 's'}")
        started = time.monotonic()
        setup = start_in_kernel(project.root, file)
        done = execute_chapter(
            project.book(), chapter, on_stderr=_show, setup=setup, give_up=stop.is_set
        )
        return done, time.monotonic() - started

    copies: dict[str, FrozenCopy] = {}
    with ThreadPoolExecutor(_KERNELS) as pool:
        running = {pool.submit(run, file): file for file in reasons}
        try:
            for future in as_completed(running):
                file, (results, seconds) = running[future], future.result()
                chapter = project.chapter(file)
                markdowns = {target: one.markdown for target, one in results.items()}
                figures = {FIGURE_FOLDERS[target]: one.figures for target, one in results.items()}
                left = take_reads(project, file)
                if project.book().freeze is False:
                    folder = scratch / Path(file).with_suffix("")
                    folder.mkdir(parents=True)
                    fill_folder(folder, chapter, markdowns, figures)
                else:
                    folder = freeze_folder(project.root, file)
                    texts = markdowns.values()
                    record = whole_record(project, left.record, own[file], texts) if left else None
                    write_frozen(folder, chapter, markdowns, figures, record)
                    project.forget_chapter(file)
                copies[file] = FrozenCopy(folder)
                notify(f"{file}: done in {seconds:.1f} s")
        except BaseException:
            stop.set()
            for future in running:
                future.cancel()
            raise
    return copies


def _convert(project: Project, copies: Mapping[str, FrozenCopy], target: Target) -> list[Path]:
    from cvlib.engine import convert
    from cvlib.engine.execute import unexecuted_markdown

    book = project.book()
    chapters = []
    for entry in book.chapters:
        chapter, copy = project.chapter(entry.file), copies.get(entry.file)
        frozen = copy.read(target) if copy is not None else None
        if copy is not None and frozen is None:
            raise BookError(f"its frozen copy {copy.folder} is gone; render again", file=entry.file)
        markdown = unexecuted_markdown(chapter) if frozen is None else frozen.markdown
        folder = None if copy is None else copy.folder
        chapters.append(ExecutedChapter(entry, markdown, folder, chapter.text))
    with staging(book.output_dir) as staged:
        if target == "typ":
            convert.to_pdf(book, chapters, staged / book.pdf.name)
            publish_file(staged / book.pdf.name, book.pdf)
            return [book.pdf]
        now = fingerprints(project, project.experiment_ids())
        convert.to_html(book, chapters, staged, now or None)
        manifest = project.root / ".quarto" / f"site-{book.output_dir.name}.json"
        publish_site(staged, book.output_dir, manifest)
        return [book.output_dir / "index.html"]


def _show(text: str) -> None:
    sys.stderr.write(drawable(text))
    sys.stderr.flush()
