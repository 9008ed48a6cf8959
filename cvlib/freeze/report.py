"""The report as a person asks for it: train what is missing, render, say what happened."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cvlib.project import Project, find_project

if TYPE_CHECKING:
    from cvlib.freeze.freshness import ProjectInputs
    from cvlib.studies.status import RunStatus


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
    layout = find_project(profile=profile)
    os.environ["CVLIB_PROFILE"] = layout.profile  # the chapters' kernels ask for it
    from cvlib.check.submission import say_whether_ready
    from cvlib.freeze.freshness import ProjectInputs
    from cvlib.freeze.render import render
    from cvlib.freeze.verified import verified

    def notify(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    known = verified(layout)
    if known is None:
        code, inputs, notes = _prepare(layout)
        if code:
            return code
    else:
        inputs, notes = ProjectInputs(layout), list(known.notes)
    for note in notes:
        notify(f"note: {note}")
    result = render(
        layout.root,
        chapters=chapters or None,
        to=to,
        engine=engine,
        profile=layout.quarto_profile,
        fresh=fresh,
        inputs=inputs,
        verified=known is not None,
        notify=notify,
    )
    if known is None and result.frozen and not result.executed:
        _remember(layout, inputs)
    for path in result.outputs:
        print(path.relative_to(layout.root))
        if path.suffix == ".pdf" and to != "html" and layout.profile == "default":
            say_whether_ready(layout, path, notify)
    return 0


def _prepare(layout: Project) -> tuple[int, ProjectInputs, list[str]]:
    """Train what is missing or stale by spec or data.

    Returns the exit code, what the chapters read then, and what is to be said of their runs.
    """
    from cvlib.engine.project import load_book
    from cvlib.freeze.fingerprints import note_fingerprints
    from cvlib.freeze.freshness import ProjectInputs
    from cvlib.freeze.verified import run_notes
    from cvlib.studies.status import needs_work

    inputs = ProjectInputs(layout)
    files = [e.file for e in load_book(layout.root, layout.quarto_profile).book.chapters]
    named = sorted({name for file in files for name in inputs.experiments_of(file)})
    if any(needs_work(status, None) for status in _statuses(inputs, named)):
        from cvlib.studies.run import run_experiments

        if run_experiments(layout, named).interrupted:
            return 130, inputs, []
        inputs = ProjectInputs(layout)
    notes = list(run_notes(_statuses(inputs, named)))
    note_fingerprints(layout, inputs.reader.experiments)
    return 0, inputs, notes


def _statuses(inputs: ProjectInputs, experiments: Sequence[str]) -> list[RunStatus]:
    reader = inputs.reader.experiments
    return [status for name in experiments for status in reader.statuses(name)]


def _remember(layout: Project, inputs: ProjectInputs) -> None:
    from cvlib.freeze.book_files import read_book_files
    from cvlib.freeze.chapter_source import read_source
    from cvlib.freeze.verified import remember

    book = read_book_files(layout.root, layout.quarto_profile)
    chapters = [read_source(layout.root, file) for file in book.chapters]
    remember(layout, book.bibliography, chapters, inputs.reader.experiments)
