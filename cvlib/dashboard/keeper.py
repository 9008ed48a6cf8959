"""Runs a command for as long as somebody holds the other end of standard input open.

    python keeper.py [--folder FOLDER] [--patience SECONDS] -- COMMAND...

A holder that ends in any way, `kill -9` included, lets go of its end: the kernel sees to that. So
neither mongod nor the server outlives those who use it. With --folder the input is the FIFO
`clients` in that folder, which further holders may join while they hold the lock file `lock`.

This file is run by its path and imports the standard library only: it starts in 50 ms.
(FiftyOne's own wrapper, `fiftyone/service/main.py`, is not used: it waits without end for a server
that does not answer SIGTERM, and it joins a mongod of any other project of the same user.)
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import fcntl
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

CLIENTS, LOCK = "clients", "lock"


@contextlib.contextmanager
def locked(folder: Path | None) -> Iterator[None]:
    """Hold the folder's lock file; None: there is nobody to keep out."""
    if folder is None:
        yield
        return
    with (folder / LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def die_with_keeper() -> None:
    """On Linux: should the keeper itself be killed, its command gets SIGTERM."""
    if sys.platform == "linux":
        set_parent_death_signal = 1  # PR_SET_PDEATHSIG, linux/prctl.h
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGTERM)


def held(wait: float = 0.0) -> bool:
    """Whether anybody holds the other end of standard input."""
    if not select.select([0], [], [], wait)[0]:
        return True
    try:
        return bool(os.read(0, 4096))  # nothing: end of file
    except BlockingIOError:
        return True


def stop(command: subprocess.Popen[bytes], patience: float) -> None:
    """SIGTERM, and SIGKILL for what has not ended `patience` seconds later; its children, too."""
    for name in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(command.pid, name)
        with contextlib.suppress(subprocess.TimeoutExpired):
            command.wait(patience)
            break
    with contextlib.suppress(ProcessLookupError):
        os.killpg(command.pid, signal.SIGKILL)


def keep(arguments: list[str], folder: Path | None, patience: float) -> int:
    """Run the command until it ends or nobody holds the input; its exit code, 128 + n for signal n."""
    os.set_blocking(0, False)
    command = subprocess.Popen(
        arguments, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=die_with_keeper
    )
    try:
        while command.poll() is None:
            if held(0.5):
                continue
            with locked(folder):
                if not held():  # nobody joined before the lock was ours
                    if folder:
                        (folder / CLIENTS).unlink(missing_ok=True)
                    stop(command, patience)
                    break
    finally:
        stop(command, patience)
    return command.returncode if command.returncode >= 0 else 128 - command.returncode


def main() -> None:
    """Read the arguments and keep the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where the FIFO and its lock are")
    parser.add_argument("--patience", type=float, default=10.0, help="from SIGTERM to SIGKILL")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(keep(options.command, options.folder, options.patience))


if __name__ == "__main__":
    main()
