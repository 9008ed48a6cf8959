"""The report as a person asks for it: train what is missing, render, say what happened."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from cvlib.studies.project import Layout, find_layout


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
    layout = find_layout(profile=profile)
    os.environ["CVLIB_PROFILE"] = layout.profile  # the chapters' kernels ask for it
    from cvlib.journal.fingerprints import note_fingerprints
    from cvlib.journal.inputs import chapter_inputs, experiments_of
    from cvlib.publish.project import load_project
    from cvlib.publish.render import render

    quarto_profile = None if layout.profile == "default" else layout.profile
    book = load_project(layout.root, quarto_profile).book
    named = {
        name
        for entry in book.chapters
        if (layout.root / entry.file).is_file()  # the renderer says which one is not there
        for name in experiments_of(layout, layout.root / entry.file)
    }
    if named and (code := _train(layout, sorted(named))):
        return code

    note_fingerprints(layout)
    result = render(
        layout.root,
        chapters=chapters or None,
        to=to,
        engine=engine,
        profile=quarto_profile,
        fresh=fresh,
        inputs=lambda chapter: chapter_inputs(layout, layout.root / chapter),
        notify=lambda text: print(text, file=sys.stderr, flush=True),
    )
    for path in result.outputs:
        print(path.relative_to(layout.root))
    return 0


def _train(layout: Layout, experiments: list[str]) -> int:
    from cvlib.studies.run import inspect, run_experiments
    from cvlib.studies.status import needs_work

    statuses = inspect(layout, experiments)
    if any(needs_work(status, None) for status in statuses):
        summary = run_experiments(layout, experiments)
        if summary.interrupted:
            return 130
        statuses = inspect(layout, experiments)
    for cue in ("code", "environment"):
        stale = sum(s.state == "stale" and s.cue == cue for s in statuses)
        if stale:
            print(
                f"note: {stale} of {len(statuses)} runs are stale by {cue}; the report says so. "
                f"`cvlib run --rerun {cue}` trains them again.",
                file=sys.stderr,
            )
    failed = [s for s in statuses if s.state == "failed"]
    for status in failed:
        print(f"note: {status.planned.name} failed: {status.reason}", file=sys.stderr)
    return 0
