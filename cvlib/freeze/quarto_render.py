"""A render by the real Quarto, with an honest freeze before it and its record after it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from cvlib.engine.project import Target, load_book
from cvlib.engine.quarto import check_version, run_quarto
from cvlib.freeze.book_files import read_book_files
from cvlib.freeze.freshness import Freshness, Inputs
from cvlib.freeze.lock import render_lock
from cvlib.freeze.render import RenderResult, resolve_chapter
from cvlib.freeze.sweep import Swept, note_executed, sweep


def render_with_quarto(
    quarto: Path,
    root: Path,
    *,
    chapters: Iterable[str] | None,
    to: str,
    profile: str | None,
    fresh: bool,
    trust_freeze: bool,
    inputs: Inputs | None,
    verified: bool,
    notify: Callable[[str], None],
) -> RenderResult:
    """Render with Quarto. Arguments as of `cvlib.freeze.render.render`.

    Quarto goes by a chapter's text alone: a frozen copy that is not true is removed first.
    """
    started = time.monotonic()
    notify(f"Quarto {check_version(quarto)}")
    project = load_book(root, profile)
    asked = [resolve_chapter(project, name) for name in chapters or ()]
    book = read_book_files(project.root, profile)
    freshness = Freshness(book, inputs, fresh, frozenset(asked), trust_freeze, verified)
    target: Target | None = {"pdf": "typ", "html": "html"}.get(to)  # type: ignore[assignment]
    name = None if target is None else project.formats[target].name
    with render_lock(project.root, notify):
        swept = Swept()
        if book.freeze is not False:
            swept = sweep(freshness, notify, None if target is None else [target])
        for file in asked or [None]:  # type: ignore[list-item]
            run_quarto(quarto, project.root, file=file, to=name, profile=profile, notify=notify)
        note_executed(freshness, swept.before)
    made = [
        project.output_dir / f"{project.book.output_file}.pdf",
        project.output_dir / "index.html",
    ]
    return RenderResult(
        "quarto",
        tuple(path for path in made if path.is_file()),
        swept.reasons,
        swept.frozen,
        time.monotonic() - started,
    )
