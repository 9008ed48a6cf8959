"""Programs for tests that render in processes of their own: `python -m tests.engine.render_process`.

    embedded ROOT LOG        a render by our engine; its kernel and conversion are stand-ins
    quarto.js ROOT LOG       what Quarto does: hook, write a chapter bit by bit, hook

Each logs when it begins and ends to touch what renders share; in between it waits for a file `go`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest


def log(path: Path, what: str) -> None:
    with path.open("a") as file:
        file.write(f"{what}\n")


def wait_for_go(path: Path) -> None:
    started = time.monotonic()
    while not path.with_name("go").exists() and time.monotonic() - started < 30:
        time.sleep(0.01)


def embedded(root: Path, path: Path) -> None:
    from cvlib.engine import execute
    from cvlib.freeze.render import render
    from cvlib.project import Project
    from tests.engine.chapters import leave_reads, plain_conversion

    def run(project, chapter, on_stderr=None, *, setup, give_up):
        log(path, "begin")
        wait_for_go(path)
        log(path, "end")
        markdown = f"{chapter.text} by {os.getpid()}"
        leave_reads(root, chapter.file, "report/data.csv")
        made = {target: execute.Executed(markdown, {}) for target in project.formats}
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execute, "execute_chapter", run)
        plain_conversion(patch)
        result = render(Project(root), engine="embedded")
    log(path, f"executed {len(result.executed)}")


def quarto(root: Path, path: Path) -> None:
    import subprocess

    from cvlib.engine.chapter import text_hash

    hook = [sys.executable, "-m", "cvlib.freeze.hook"]
    environment = {**os.environ, "QUARTO_PROJECT_DIR": str(root)}
    subprocess.run([*hook, "pre"], env=environment, check=True)
    log(path, "begin")
    results = root / "_freeze/report/one/execute-results"
    results.mkdir(parents=True, exist_ok=True)
    for target in ("html", "typ"):
        text = json.dumps(
            {
                "hash": text_hash((root / "report/one.qmd").read_text()),
                "result": {"markdown": f"by {os.getpid()}"},
            }
        )
        with (results / f"{target}.json").open("w") as file:
            for half in (text[:40], text[40:]):
                file.write(half)
                file.flush()
                wait_for_go(path)
    log(path, "end")
    subprocess.run([*hook, "post"], env=environment, check=True)


if __name__ == "__main__":
    {"embedded": embedded, "quarto.js": quarto}[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
