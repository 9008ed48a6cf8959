"""The project's MongoDB: one mongod a folder, shared by those who have it open, gone with the last."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from cvlib.dashboard import DashboardError

START_SECONDS = 60.0
LOG = "mongod.log"
PORT = "port"


def find_mongod() -> Path | None:
    """FiftyOne's own mongod, else the one on the PATH; None where there is none."""
    spec = find_spec("fiftyone")
    if spec and spec.submodule_search_locations:
        packaged = Path(next(iter(spec.submodule_search_locations))) / "db" / "bin" / "mongod"
        if packaged.is_file() and os.access(packaged, os.X_OK):
            return packaged
    found = shutil.which("mongod")
    return Path(found) if found else None


def unusable(mongod: Path) -> str | None:
    """Why this mongod does not run; None if it does."""
    try:
        done = subprocess.run([mongod, "--version"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return (done.stderr.strip() or f"exit code {done.returncode}") if done.returncode else None


class Database:
    """A held MongoDB on 127.0.0.1. It ends when the last process that holds it lets go or dies."""

    def __init__(self, folder: Path, port: int, held: int, keeper: subprocess.Popen[bytes] | None):
        self.folder = folder
        self.port = port
        self._held: int | None = held
        self._keeper = keeper

    @property
    def uri(self) -> str:
        """Address for clients, as FIFTYONE_DATABASE_URI has it."""
        return f"mongodb://127.0.0.1:{self.port}"

    def release(self) -> None:
        """Let go; returns when mongod has ended, or at once where another process holds it, too."""
        from cvlib.dashboard.keeper import CLIENTS, locked

        if self._held is None:
            return
        os.close(self._held)
        self._held = None
        deadline = time.monotonic() + 1.0  # the keeper notices in milliseconds
        while time.monotonic() < deadline and (self.folder / CLIENTS).exists():
            time.sleep(0.02)
        if not (self.folder / CLIENTS).exists():
            with locked(self.folder):  # the keeper's until mongod has ended
                pass
            if self._keeper:
                self._keeper.wait()


def hold(folder: Path) -> Database:
    """Start the mongod whose data are in `folder`, or join the one that runs.

    Raises DashboardError when there is no mongod, or when it does not start.
    """
    from cvlib.dashboard.keeper import CLIENTS, locked

    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        try:
            held = os.open(folder / CLIENTS, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENXIO):  # no FIFO; nobody reads it
                raise
        else:
            return Database(folder, int((folder / PORT).read_text()), held, None)
        return _start(folder)


def _start(folder: Path) -> Database:
    from cvlib.dashboard import keeper

    mongod = find_mongod()
    if mongod is None:
        raise DashboardError(
            "the dashboard needs MongoDB and there is no mongod here, neither FiftyOne's nor on the "
            "PATH; `python -m cvlib.dashboard.environment --install` installs one where it can, or "
            "set FIFTYONE_DATABASE_URI to a MongoDB that runs"
        )
    fifo = folder / keeper.CLIENTS
    fifo.unlink(missing_ok=True)
    os.mkfifo(fifo, 0o600)
    read = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    held = os.open(fifo, os.O_WRONLY)
    (folder / "data").mkdir(exist_ok=True)
    command = [
        *(str(mongod), "--dbpath", str(folder / "data"), "--logpath", str(folder / LOG)),
        *("--bind_ip", "127.0.0.1", "--port", "0", "--nounixsocket"),
        *("--wiredTigerCacheSizeGB", "0.5"),  # else half of the machine's memory
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
    ]
    deadline = time.monotonic() + START_SECONDS
    try:
        while True:
            (folder / LOG).unlink(missing_ok=True)
            kept = subprocess.Popen(
                [sys.executable, keeper.__file__, "--folder", str(folder), "--", *command],
                stdin=read,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for us; mongod ends after the server
            )
            port = _await_port(kept, folder / LOG, deadline)
            if port is not None:
                break
            # a mongod whose keeper was killed may still be writing its last
            if not _still_in_use(folder / LOG) or time.monotonic() > deadline:
                raise DashboardError(_why_not(folder / LOG, kept.returncode, mongod))
            time.sleep(0.5)
    except BaseException:
        os.close(held)
        fifo.unlink(missing_ok=True)
        raise
    finally:
        os.close(read)
    (folder / PORT).write_text(f"{port}\n")
    return Database(folder, port, held, kept)


def _messages(log: Path) -> Iterator[dict]:
    """Lines of mongod's log; format: MongoDB manual, Log Messages, structured logging."""
    with contextlib.suppress(FileNotFoundError):
        for line in log.read_text(errors="replace").splitlines():
            with contextlib.suppress(json.JSONDecodeError):
                yield json.loads(line)


def _await_port(kept: subprocess.Popen[bytes], log: Path, deadline: float) -> int | None:
    while time.monotonic() < deadline and kept.poll() is None:
        for message in _messages(log):
            if message.get("msg") == "Waiting for connections":
                return int(message["attr"]["port"])
        time.sleep(0.05)
    return None


def _still_in_use(log: Path) -> bool:
    return any("DBPathInUse" in json.dumps(message) for message in _messages(log))


def _why_not(log: Path, code: int | None, mongod: Path) -> str:
    grave = [m for m in _messages(log) if m.get("s") in ("E", "F")]
    said = json.dumps(grave[0].get("attr", grave[0].get("msg"))) if grave else "it logged no error"
    if code == 128 + signal.SIGILL:
        said = "this processor lacks instructions it needs (MongoDB 5 and newer need AVX)"
    ended = f"took no connections in {START_SECONDS:.0f} s" if code is None else f"ended ({code})"
    return (
        f"{mongod} {ended}: {said}. Its log: {log}. "
        "Data of another version of MongoDB can be moved away: the dashboard makes them again, but "
        "export your tags first"
    )
