"""What Quarto starts before and after it renders: frozen chapters stay true, and say what they are of.

    python -m cvlib.freeze.hook pre
    python -m cvlib.freeze.hook post

Quarto goes by a chapter's text alone, and executes what is not frozen: before a render, frozen
copies that are not true are removed; after it, what the chapters read while Quarto executed them is
kept beside their copies. `_extensions/journal/hook.lua` calls this where there is a Python that has
cvlib. Nothing here stops a render: what could not be checked is said.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from cvlib.engine.errors import BookError, raise_all
from cvlib.errors import CvlibError
from cvlib.files import replace_text
from cvlib.freeze.freshness import (
    frozen_copy,
    own_reads,
    take_reads,
    whole_record,
    why_untrue,
)
from cvlib.freeze.frozen_copy import write_record
from cvlib.freeze.interpretation import note_fingerprints
from cvlib.freeze.lock import (
    forget_quarto,
    lock_folder,
    note_quarto,
    render_lock,
    running_quarto,
)
from cvlib.project import HYPOTHESES, Project, find_project
from cvlib.recorder import reads_file
from cvlib.terminal import printable
from cvlib.yaml_source import SpecError

if TYPE_CHECKING:
    from cvlib.engine.book import Target

Notify = Callable[[str], None]
Before = dict[str, dict[str, str]]  # chapter -> what the engines read of it, by name
_BEFORE = "before-quarto.json"
_BEGAN = "quarto-began"


def sweep(
    project: Project,
    notify: Notify,
    wanted: Iterable[Target] | None = None,
    asked: Mapping[str, str] | None = None,
) -> tuple[dict[str, str], Before]:
    """Remove the frozen copies that are not true. A format that was not frozen yet is no reason.

    wanted: the formats that will be rendered; None: all. asked: chapters that are to run in any
    case, with the reason. Returns the chapters that will run with their reasons, and what the
    engines read of every chapter with code.
    """
    book, reasons, before = project.book(), dict(asked or {}), Before()
    summaries = []
    for entry in book.chapters:
        file = entry.file
        try:
            chapter = project.chapter(file)
            if not chapter.is_whole:
                raise_all(each for each in chapter.problems if isinstance(each, BookError))
            if not chapter.executes:
                continue
            before[file] = own_reads(project, file)
            there = frozen_copy(project, file).targets
            if file not in reasons:
                why = why_untrue(project, file, there) if there else "never executed"
                if why is not None:
                    reasons[file] = why
                elif absent := [one for one in wanted or book.targets if one not in there]:
                    reasons[file] = f"not frozen for {absent[0]}"
                    continue
        except (OSError, BookError) as error:
            notify(f"{file}: freshness not checked: {error}")
            continue
        record = frozen_copy(project, file).record
        if record is not None and "book experiments" in record.reads:
            summaries.append(file)
    if reasons.keys() - set(summaries):
        for file in summaries:  # which experiments the others ask for is known when they have run
            reasons.setdefault(file, "it sums up what other chapters ask for, and one of them runs")
    for file in [file for file in before if file in reasons]:
        reads_file(project.root, file).unlink(missing_ok=True)
        if reasons[file].startswith("not frozen for"):
            continue
        folder = frozen_copy(project, file).folder
        if folder.exists():
            freeze = project.chapter(file).freeze
            if (book.freeze if freeze is None else freeze) is True and file not in (asked or {}):
                notify(f"{file}: {reasons[file]}, but freeze is true: its frozen copy is used")
                continue
            notify(f"{file}: {reasons[file]}; its frozen copy is removed")
            shutil.rmtree(folder)
            project.forget_chapter(file)
    return reasons, before


def note_executed(project: Project, before: Before, notify: Notify) -> list[str]:
    """Keep what the chapters read that Quarto has just executed; returns them.

    before: what the engines read of each when the render began.
    """
    executed = []
    for file, own in before.items():
        project.forget_chapter(file)
        copy = frozen_copy(project, file)
        if not copy.digests or copy.record is not None:
            continue
        executed.append(file)
        left = take_reads(project, file)
        if left is not None and left.hash not in copy.hashes:
            left = None  # of another text
        if left is None or left.late is not None:
            why = "nothing recorded what it read" if left is None else left.late
            notify(
                f"{file}: {why}, so it runs at every render; "
                "let its first cell begin with `from cvlib.journal import …`"
            )
            continue
        write_record(copy.folder, whole_record(project, left.record, own, copy.markdowns))
        project.forget_chapter(file)
    return executed


def register_hypotheses(project: Project) -> None:
    """Register hypotheses that were added after their runs; what is wrong in them, chapters say."""
    if (project.experiments / f"{HYPOTHESES}.yaml").exists():
        from cvlib.studies.registered import register  # here: other projects need no pydantic

        with suppress(SpecError):
            register(project)


def before_render(project: Project, notify: Notify) -> None:
    """Remove the frozen copies that are not true; remember what the engines read now."""
    quarto = running_quarto()
    with render_lock(project.root, notify, quarto):
        if quarto is not None:
            note_quarto(project.root, quarto)
        register_hypotheses(project)
        before: Before = {}
        if project.book().freeze is not False:
            reasons, before = sweep(project, notify)
            true = sum(file not in reasons for file in before)
            notify(f"{true} of {len(before)} chapters are frozen and true")
        note_fingerprints(project)
        folder = lock_folder(project.root)
        replace_text(folder / _BEFORE, json.dumps(before))
        (folder / _BEGAN).touch()


def after_render(project: Project, notify: Notify) -> None:
    """Keep what the chapters read that Quarto executed, then check the PDF that it made."""
    path = lock_folder(project.root) / _BEFORE
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
        path.unlink()
    except (OSError, ValueError):
        before = {}  # no hook ran before the render
    note_executed(project, before, notify)
    forget_quarto(project.root)
    if (pdf := _new_pdf(project)) is not None:
        from cvlib.check.check_report import say_whether_ready

        say_whether_ready(project, pdf, notify)


def _new_pdf(project: Project) -> Path | None:
    """The PDF to be handed in, if this render made it; a profile of another size makes none."""
    folder = os.environ.get("QUARTO_PROJECT_OUTPUT_DIR")
    if project.profile != "default" or not folder:
        return None
    began = (lock_folder(project.root) / _BEGAN).stat().st_mtime
    made = [p for p in Path(folder).glob("*.pdf") if p.stat().st_mtime >= began]
    return made[0] if len(made) == 1 else None


def main(words: list[str]) -> int:
    """Run one stage, `pre` or `post`. 0 in any case: whatever happens here, Quarto can render."""
    if words not in (["pre"], ["post"]):
        print("expected: python -m cvlib.freeze.hook pre|post", file=sys.stderr)
        return 2

    def notify(text: str) -> None:
        print(f"cvlib: {printable(text)}", flush=True)

    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8", errors="replace")
    try:
        project = find_project(Path(os.environ.get("QUARTO_PROJECT_DIR") or Path.cwd()))
        (before_render if words == ["pre"] else after_render)(project, notify)
    except Exception as error:  # a render that works without the hook must not fail by it
        kind = "" if isinstance(error, CvlibError) else f"{type(error).__name__}: "
        what = "freshness was not checked" if words == ["pre"] else "nothing was noted"
        notify(f"{what}: {kind}{error}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
