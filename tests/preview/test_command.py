"""`cvlib preview` from its start to its end: whatever ends it leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.preview.command import is_alive, previewed, wait_until
from tests.preview.made import counted_book, edit, ran

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc here")

BUSY = """\
# One {#sec-one}

```{python}
import os, subprocess, time
child = subprocess.Popen(["sleep", "600"])
with open("../pids.txt", "w") as file:
    file.write(f"{os.getpid()} {child.pid}")
time.sleep(600)
```
"""


def fetched(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read().decode()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_it_at_once_with_the_kernel_and_what_its_cells_started(tmp_path, number):
    root = counted_book(tmp_path / "book", one=BUSY)
    with previewed(root) as command:
        wait_until(lambda: (root / "pids.txt").exists() and (root / "pids.txt").read_text(), 60,
                   command.log.read_text)  # fmt: skip
        pids = [int(pid) for pid in (root / "pids.txt").read_text().split()]
        assert len(pids) == 2 and all(map(is_alive, pids))
        started = time.monotonic()
        assert command.end(number) == 0
        assert time.monotonic() - started < 10
        assert not any(map(is_alive, pids))
        assert "Traceback" not in command.log.read_text()
    assert not list((root / ".quarto").rglob(".staging-*"))


def test_it_is_up_to_date_with_every_save_and_says_what_it_did(tmp_path):
    root = counted_book(tmp_path / "book")
    with previewed(root) as command:
        command.wait_for("report/two.qmd: never executed")
        wait_until(lambda: sorted(ran_so_far(root)) == ["one", "two"], 60, command.log.read_text)
        wait_until(lambda: "holds 7 things" in fetched(command.url + "report/one.html"))
        ran(root)
        edit(root / "report" / "one.qmd", "n = 7", "n = 9")
        wait_until(lambda: "holds 9 things" in fetched(command.url + "report/one.html"))
        assert ran(root) == ["one"]
        edit(root / "report" / "part.md", "An included", "A changed")
        wait_until(lambda: "A changed text" in fetched(command.url + "report/one.html"))
        edit(root / "_quarto.yml", "title: Small", "title: Smaller")
        wait_until(lambda: "Smaller" in fetched(command.url))
        assert ran(root) == []
        assert command.end() == 0
    assert "report/one.qmd: text changed; running its cells" in command.log.read_text()


def ran_so_far(root: Path) -> list[str]:
    path = root / "ran.txt"
    return path.read_text().split() if path.exists() else []


def test_a_second_preview_on_the_port_says_so(tmp_path):
    root = counted_book(tmp_path / "book", one="# One {#sec-one}\n", two="# Two\n")
    with previewed(root) as command:
        port = command.url.rstrip("/").rpartition(":")[2]
        second = subprocess.run(
            [sys.executable, "-m", "cvlib", "preview", "--no-browser", "--port", port],
            cwd=root, capture_output=True, text=True, timeout=60, env=os.environ,
        )  # fmt: skip
        assert second.returncode == 2
        assert f"another preview is open there, http://127.0.0.1:{port}" in second.stderr
        assert "Traceback" not in second.stderr
        assert command.process.poll() is None
