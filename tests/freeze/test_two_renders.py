"""Two renders of one project at once wait for each other, whichever engines they are."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from cvlib.engine.chapter import read_chapter
from cvlib.freeze.frozen_copy import FrozenCopy
from cvlib.freeze.lock import (
    QuartoProcess,
    forget_quarto,
    note_quarto,
    render_lock,
    running_quarto,
)
from tests.engine.chapters import small_book

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def root(tmp_path) -> Path:
    root = small_book(tmp_path / "book")
    (root / "experiments").mkdir()
    return root


def start(kind: str, root: Path, log: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "tests.engine.render_process", kind, str(root), str(log)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        command, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )  # fmt: skip


@pytest.mark.parametrize("kinds", [("embedded", "embedded"), ("quarto.js", "embedded"),
                                   ("embedded", "quarto.js"), ("quarto.js", "quarto.js")])  # fmt: skip
def test_renders_take_turns_and_leave_one_whole_copy(root, tmp_path, kinds):
    log = tmp_path / "log"
    first = start(kinds[0], root, log)
    while not log.exists():
        assert first.poll() is None, first.communicate()
        time.sleep(0.01)
    second = start(kinds[1], root, log)
    assert second.stdout is not None
    heard = second.stdout.readline()
    assert "waiting for it" in heard, heard + second.stdout.read()
    (tmp_path / "go").touch()
    said = [process.communicate(timeout=60)[0] for process in (first, second)]
    assert first.returncode == second.returncode == 0, said
    turns = re.findall("begin|end", log.read_text())
    assert turns == ["begin", "end"] * (len(turns) // 2), "one after the other"
    folder = root / "_freeze/report/one"
    copy = FrozenCopy(folder)
    assert copy.why_unusable(read_chapter(root, "report/one.qmd"), ["html", "typ"]) is None
    assert len(set(copy.markdowns)) == 1, "both formats are of one render"
    assert [path.name for path in folder.parent.iterdir()] == ["one"]
    if kinds == ("embedded", "embedded"):
        assert "executed 1\nexecuted 0\n" in log.read_text(), "the second finds it frozen"


def this_process(preview: bool) -> QuartoProcess:
    return QuartoProcess(os.getpid(), preview, psutil.Process().create_time())


def test_another_process_of_the_same_number_is_not_waited_for(root):
    note_quarto(root, QuartoProcess(os.getpid(), preview=False, started=1.0))
    with render_lock(root, pytest.fail):
        pass


def test_a_quarto_that_is_gone_is_not_waited_for(root):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    note_quarto(root, QuartoProcess(gone.pid, preview=False, started=0.0))
    with render_lock(root, pytest.fail):
        pass


def test_its_own_quarto_is_not_waited_for(root):
    own = this_process(preview=False)
    note_quarto(root, own)
    with render_lock(root, pytest.fail, own):
        pass


def test_a_preview_that_stays_is_waited_for_only_so_long(root, monkeypatch):
    """After a failed render a preview runs no hook that would take its note away."""
    monkeypatch.setattr("cvlib.freeze.lock.PREVIEW_SECONDS", 0.2)
    note_quarto(root, this_process(preview=True))
    said: list[str] = []
    with render_lock(root, said.append):
        assert said[-1].endswith("has not ended in 0 s; going on")
    forget_quarto(root)
    with render_lock(root, pytest.fail):
        pass


def test_quarto_is_found_among_the_processes_above(tmp_path):
    script = tmp_path / "quarto.js"
    script.write_text(
        "import subprocess, sys\n"
        "code = 'from cvlib.freeze.lock import running_quarto; print(running_quarto())'\n"
        "subprocess.run(['sh', '-c', f'{sys.executable} -c \"{code}\"; true'])\n"
    )
    done = subprocess.Popen(
        [sys.executable, str(script), "preview"], stdout=subprocess.PIPE, text=True
    )
    said = done.communicate(timeout=30)[0]
    assert said.startswith(f"QuartoProcess(pid={done.pid}, preview=True, started=")
    assert running_quarto() is None
