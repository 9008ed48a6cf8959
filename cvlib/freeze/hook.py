"""What Quarto starts before and after it renders: frozen chapters stay true, and say what they are of.

    python -m cvlib.freeze.hook pre
    python -m cvlib.freeze.hook post

`_extensions/journal/hook.lua` calls this where there is a Python that has cvlib. Nothing heavy is
imported, and nothing here stops a render: what could not be checked is said.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from cvlib.check.submission import say_whether_ready
from cvlib.freeze.freeze import copy_digests, freeze_folder, recorded_inputs
from cvlib.freeze.lock import (
    forget_quarto,
    lock_folder,
    note_quarto,
    render_lock,
    running_quarto,
)
from cvlib.freeze.verified import remember, verified
from cvlib.project import Project, find_project

Notify = Callable[[str], None]
Before = dict[str, tuple[Mapping[str, str], Mapping[str, str]]]  # chapter -> digests, words
_BEFORE = "before-quarto.json"
_BEGAN = "quarto-began"


def before_render(layout: Project, notify: Notify) -> None:
    """Remove the frozen copies that are not true; remember what each chapter reads now."""
    quarto = running_quarto()
    with render_lock(layout.root, notify, quarto):
        if quarto is not None:
            note_quarto(layout.root, quarto)
        known = verified(layout)
        if known is not None:
            notify(f"all {len(known.chapters)} chapters are frozen and true")
            folders = {file: freeze_folder(layout.root, file) for file in known.chapters}
            before: Before = {f: (recorded_inputs(folders[f]) or {}, {}) for f in folders}
        else:
            before = _sweep(layout, notify)
        _write_before(layout, before)
        (lock_folder(layout.root) / _BEGAN).touch()


def after_render(layout: Project, notify: Notify) -> None:
    """Write down what the chapters that Quarto executed were made from, then check what was made."""
    before = _read_before(layout)
    folders = {file: freeze_folder(layout.root, file) for file in before}
    if any(copy_digests(f) and recorded_inputs(f) is None for f in folders.values()):
        from cvlib.freeze.book_files import read_book_files
        from cvlib.freeze.freshness import Freshness, ProjectInputs
        from cvlib.freeze.inputs import Inputs
        from cvlib.freeze.sweep import note_executed

        book = read_book_files(layout.root, layout.quarto_profile)
        read = {file: Inputs(dict(now), dict(words)) for file, (now, words) in before.items()}
        note_executed(Freshness(book, ProjectInputs(layout)), read)
    forget_quarto(layout.root)
    pdf = _new_pdf(layout)
    if pdf is not None:
        say_whether_ready(layout, pdf, notify)


def _sweep(layout: Project, notify: Notify) -> Before:
    from cvlib.freeze.book_files import read_book_files
    from cvlib.freeze.fingerprints import note_fingerprints
    from cvlib.freeze.freshness import Freshness, ProjectInputs
    from cvlib.freeze.sweep import Swept, sweep

    book = read_book_files(layout.root, layout.quarto_profile)
    inputs, swept = ProjectInputs(layout), Swept()
    if book.freeze is not False:
        swept = sweep(Freshness(book, inputs), notify)
        notify(f"{len(swept.frozen)} of {len(swept.before)} chapters are frozen and true")
    reader = inputs.reader.experiments
    note_fingerprints(layout, reader)
    if swept.before and not swept.reasons:
        remember(layout, book.bibliography, swept.chapters, reader)
    return {file: (read, read.words) for file, read in swept.before.items()}


def _new_pdf(layout: Project) -> Path | None:
    """The PDF to be handed in, if this render made it; a profile of another size makes none."""
    folder = os.environ.get("QUARTO_PROJECT_OUTPUT_DIR")
    if layout.profile != "default" or not folder:
        return None
    began = (lock_folder(layout.root) / _BEGAN).stat().st_mtime
    made = [p for p in Path(folder).glob("*.pdf") if p.stat().st_mtime >= began]
    return made[0] if len(made) == 1 else None


def _write_before(layout: Project, before: Before) -> None:
    path = lock_folder(layout.root) / _BEFORE
    staged = path.with_name(f"{path.name}.{os.getpid()}")
    staged.write_text(json.dumps(before), encoding="utf-8")
    staged.replace(path)


def _read_before(layout: Project) -> Before:
    """What the chapters read when the render began, once; nothing where no hook ran before it."""
    path = lock_folder(layout.root) / _BEFORE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        path.unlink()
        return {file: (read, words) for file, (read, words) in content.items()}
    except (OSError, ValueError, TypeError):
        return {}


def main(words: list[str]) -> int:
    """Run one stage, `pre` or `post`. 0 in any case: whatever happens here, Quarto can render."""
    if words not in (["pre"], ["post"]):
        print("expected: python -m cvlib.freeze.hook pre|post", file=sys.stderr)
        return 2

    def notify(text: str) -> None:
        print(f"cvlib: {text}", flush=True)

    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8", errors="replace")
    try:
        layout = find_project(Path(os.environ.get("QUARTO_PROJECT_DIR") or Path.cwd()))
        (before_render if words == ["pre"] else after_render)(layout, notify)
    except Exception as error:  # a render that works without the hook must not fail by it
        kind = "" if type(error).__module__.startswith("cvlib.") else f"{type(error).__name__}: "
        what = "freshness was not checked" if words == ["pre"] else "nothing was noted"
        notify(f"{what}: {kind}{error}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
