"""A render by the real Quarto, with an honest freeze before it and its record after it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from cvlib.publish.chapter import Chapter, read_chapter
from cvlib.publish.errors import Unsupported
from cvlib.publish.freeze import freeze_folder, record_inputs
from cvlib.publish.freshness import Freshness, Inputs
from cvlib.publish.project import Project, load_project
from cvlib.publish.quarto import check_version, run_quarto
from cvlib.publish.render import RenderResult, resolve_chapter


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
    notify: Callable[[str], None],
) -> RenderResult:
    """Render with Quarto. Arguments as of `cvlib.publish.render.render`.

    Quarto goes by a chapter's text alone: a frozen copy whose results changed is removed first.
    """
    started = time.monotonic()
    notify(f"Quarto {check_version(quarto)}")
    project = load_project(root, profile)
    asked = [resolve_chapter(project, name) for name in chapters or ()]
    freshness = Freshness(inputs, fresh, frozenset(asked), trust_freeze)
    reasons: dict[str, str] = {}
    readable: dict[str, Chapter] = {}
    for entry in project.book.chapters:
        try:
            chapter = read_chapter(project.root, entry.file)
        except Unsupported as error:
            # Quarto may well understand it; only what the chapter reads cannot be told.
            notify(f"{entry.file}: freshness not checked: {error}")
            continue
        if chapter.executes:
            readable[entry.file] = chapter
            reason = freshness.why_execute(project, chapter)
            if reason is not None:
                reasons[entry.file] = reason
                _forget(project, chapter, reason, notify)
    formats = {"all": None, "pdf": "typ", "html": "html"}
    target = formats[to]
    name = None if target is None else project.formats[target].name  # type: ignore[index]
    for file in asked or [None]:  # type: ignore[list-item]
        run_quarto(quarto, project.root, file=file, to=name, profile=profile, notify=notify)
    if project.freeze is not False:
        for file, chapter in readable.items():
            folder = freeze_folder(project.root, file)
            record_inputs(folder, freshness.inputs_of(project.root, chapter))
    made = [
        project.output_dir / f"{project.book.output_file}.pdf",
        project.output_dir / "index.html",
    ]
    return RenderResult(
        "quarto",
        tuple(path for path in made if path.is_file()),
        reasons,
        tuple(file for file in readable if file not in reasons),
        time.monotonic() - started,
    )


def _forget(project: Project, chapter: Chapter, reason: str, notify: Callable[[str], None]) -> None:
    folder = freeze_folder(project.root, chapter.file)
    if project.freeze == "auto" and folder.exists():
        notify(f"{chapter.file}: {reason}; its frozen copy is removed")
        shutil.rmtree(folder)
