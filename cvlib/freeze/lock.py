"""One render of a project at a time, whichever engine: the others wait for it.

cvlib holds a lock on a file while it renders. A Quarto that a person started cannot hold one, so the
hook that it starts leaves a note of that Quarto's process, and takes it away after the render; a note of
a process that is gone says nothing.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

# `quarto preview` stays when a render failed, and then no hook takes the note away.
PREVIEW_SECONDS = 20.0
QUARTO_SECONDS = 600.0
_NOTE = "quarto-render.json"


class QuartoProcess(NamedTuple):
    """A running Quarto. preview: it goes on after a render."""

    pid: int
    preview: bool


@contextmanager
def render_lock(
    root: Path, notify: Callable[[str], None], own_quarto: QuartoProcess | None = None
) -> Iterator[bool]:
    """Hold the project's lock, after waiting for other renders; yields whether it had to wait.

    own_quarto: whose note is no reason to wait.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(lock_folder(root) / "render.lock")
    waited = False
    try:
        lock.acquire(timeout=0)
    except Timeout:
        notify("another render of this project is under way; waiting for it")
        lock.acquire()
        waited = True
    try:
        waited |= _wait_for_quarto(root, notify, own_quarto)
        yield waited
    finally:
        lock.release()


def lock_folder(root: Path) -> Path:
    """Where cvlib keeps what concerns this machine's renders alone; made when asked for."""
    folder = root / ".quarto" / "cvlib"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def note_quarto(root: Path, quarto: QuartoProcess) -> None:
    """Say to other renders that this Quarto is at work."""
    path = lock_folder(root) / _NOTE
    staged = path.with_name(f"{path.name}.{os.getpid()}")
    staged.write_text(json.dumps(quarto._asdict()), encoding="utf-8")
    staged.replace(path)


def forget_quarto(root: Path) -> None:
    """Say that it is done."""
    (lock_folder(root) / _NOTE).unlink(missing_ok=True)


def running_quarto() -> QuartoProcess | None:
    """The Quarto that started this process; None where there is none, or it cannot be told."""
    pid = os.getppid()
    for _ in range(8):
        found = _process(pid)
        if found is None:
            return None
        parent, command = found
        if "quarto.js" in command or command.split(" ")[0].endswith(("quarto", "quarto.exe")):
            return QuartoProcess(pid, " preview" in command)
        pid = parent
    return None


def _wait_for_quarto(root: Path, notify: Callable[[str], None], own: QuartoProcess | None) -> bool:
    started, said = time.monotonic(), False
    while True:
        other = _noted(root)
        if other is None or (own is not None and other.pid == own.pid):
            return said
        limit = PREVIEW_SECONDS if other.preview else QUARTO_SECONDS
        if time.monotonic() - started > limit:
            notify(f"Quarto (process {other.pid}) has not ended in {limit:.0f} s; going on")
            return True
        if not said:
            notify(f"Quarto (process {other.pid}) renders this project; waiting for it")
            said = True
        time.sleep(0.1)


def _noted(root: Path) -> QuartoProcess | None:
    try:
        note = json.loads((lock_folder(root) / _NOTE).read_text(encoding="utf-8"))
        quarto = QuartoProcess(int(note["pid"]), bool(note["preview"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return quarto if _process(quarto.pid) is not None else None


def _process(pid: int) -> tuple[int, str] | None:
    """Parent and command line of a process; None for one that is gone, or cannot be looked at."""
    folder = Path("/proc") / str(pid)
    try:
        if folder.parent.joinpath("self").exists():
            status = (folder / "stat").read_text().rpartition(")")[2].split()
            if status[0] == "Z":
                return None
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
            return int(status[1]), command.decode(errors="replace").strip()
        asked = ["ps", "-o", "ppid=,command=", "-p", str(pid)]
        said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
        parent, _, command_line = said.strip().partition(" ")
        return int(parent), command_line.strip()
    except (OSError, ValueError, IndexError, subprocess.CalledProcessError):
        return None
