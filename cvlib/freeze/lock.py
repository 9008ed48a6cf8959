"""One render of a project at a time, whichever engine: the others wait for it.

cvlib holds a lock on a file while it renders. A Quarto that a person started cannot hold one, so the
hook that it starts leaves a note of that Quarto's process, and takes it away after the render; a note of
a process that is gone says nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from cvlib.files import DamagedFile, read_note, replace_text, sealed_json

# `quarto preview` stays when a render failed, and then no hook takes the note away.
PREVIEW_SECONDS = 20.0
QUARTO_SECONDS = 600.0
_NOTE = "quarto-render.json"


class QuartoProcess(NamedTuple):
    """A running Quarto. preview: it goes on after a render; started: s since 1970, for numbers of
    processes are used again.
    """

    pid: int
    preview: bool
    started: float


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
    replace_text(lock_folder(root) / _NOTE, sealed_json(quarto._asdict()))


def forget_quarto(root: Path) -> None:
    """Say that it is done."""
    (lock_folder(root) / _NOTE).unlink(missing_ok=True)


def running_quarto() -> QuartoProcess | None:
    """The Quarto that started this process; None where there is none, or it cannot be told."""
    import psutil  # here and below: most renders meet no Quarto

    with suppress(psutil.Error):
        for process in psutil.Process().parents()[:8]:
            command = process.cmdline()
            if any("quarto.js" in word for word in command) or (
                command and command[0].endswith(("quarto", "quarto.exe"))
            ):
                return QuartoProcess(process.pid, "preview" in command, process.create_time())
    return None


def _wait_for_quarto(root: Path, notify: Callable[[str], None], own: QuartoProcess | None) -> bool:
    started, said = time.monotonic(), False
    while True:
        other = _noted(root)
        if other is None or other == own:
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
    """The Quarto that is noted, if it is that process that runs."""
    path = lock_folder(root) / _NOTE
    if not path.exists():
        return None
    import psutil

    try:
        note = read_note(path)
        quarto = QuartoProcess(int(note["pid"]), bool(note["preview"]), float(note["started"]))
        process = psutil.Process(quarto.pid)
        is_it = abs(process.create_time() - quarto.started) < 1
        return quarto if is_it and process.status() != psutil.STATUS_ZOMBIE else None
    except (DamagedFile, OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None
