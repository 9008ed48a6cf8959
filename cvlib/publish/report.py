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
    if code := _train(layout):
        return code

    from cvlib.journal.inputs import chapter_inputs
    from cvlib.publish.render import render

    result = render(
        layout.root,
        chapters=[_chapter_file(layout, name) for name in chapters] or None,
        to=to,
        engine=engine,
        profile=None if layout.profile == "default" else layout.profile,
        fresh=fresh,
        inputs=lambda chapter: chapter_inputs(layout, layout.root / chapter),
        notify=lambda text: print(text, file=sys.stderr, flush=True),
    )
    for path in result.outputs:
        print(path.relative_to(layout.root))
    return 0


def _train(layout: Layout) -> int:
    from cvlib.studies.run import inspect, run_experiments
    from cvlib.studies.status import needs_work

    statuses = inspect(layout)
    if any(needs_work(status, None) for status in statuses):
        summary = run_experiments(layout)
        if summary.interrupted:
            return 130
        statuses = inspect(layout)
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


def _chapter_file(layout: Layout, name: str) -> str:
    """`exp01` and `report/exp01.qmd` both mean `report/exp01.qmd`."""
    for candidate in (name, f"{name}.qmd", f"report/{name}.qmd"):
        if candidate.endswith(".qmd") and (layout.root / candidate).is_file():
            return candidate
    return name  # the renderer knows the chapters and says which there are
