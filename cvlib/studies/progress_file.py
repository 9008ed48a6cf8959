"""What other processes may know of a training: one small file beside its checkpoints.

    <store>/.scratch/progress-<host>-<pid>.json

Written by the process that hands out the runs, at most once a second, and gone when it ends. The
folder is ignored by git; runs, their keys and what they import know nothing of it.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cvlib.studies.tally import Tally

EVERY_SECONDS = 1.0
# A training that said nothing for so long has been killed, or stopped with Ctrl-Z.
SILENT_SECONDS = 30.0
_PATTERN = "progress-*.json"


@dataclass(frozen=True)
class RunUnderWay:
    """One run of a training. epoch counts from 1; None before the first news."""

    name: str
    epoch: int | None
    epochs: int | None
    phase: str | None


@dataclass(frozen=True)
class Training:
    """A training under way: runs done and all, by experiment; seconds_left is an estimate."""

    experiments: dict[str, tuple[int, int]]
    runs: tuple[RunUnderWay, ...]
    seconds_left: float | None


class ProgressFile:
    """Keeps the file for the time of a `with` block. That it cannot be written stops no training."""

    def __init__(self, runs: Path, tally: Tally) -> None:
        self._folder = runs / ".scratch"
        self._path = self._folder / f"progress-{socket.gethostname()}-{os.getpid()}.json"
        self._tally = tally
        self._next = 0.0

    def __enter__(self) -> ProgressFile:
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            for path in self._folder.glob(_PATTERN):
                if _is_over(path):
                    path.unlink(missing_ok=True)
        self.update()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)

    def update(self) -> None:
        """Write how far the training is, unless that was done within the last second."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + EVERY_SECONDS
        staged = self._path.with_suffix(".part")
        with contextlib.suppress(OSError):
            staged.write_text(json.dumps(_record(self._tally)), encoding="utf-8")
            staged.replace(self._path)


def trainings(runs: Path) -> list[Training]:
    """The trainings under way in a store, read from what they wrote; [] when there is none."""
    found = []
    for path in sorted((runs / ".scratch").glob(_PATTERN)):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            if not _is_over(path):
                found.append(_training(json.loads(path.read_text(encoding="utf-8"))))
    return found


def _record(tally: Tally) -> dict[str, Any]:
    return {
        "experiments": {name: [tally.ended[name], n] for name, n in sorted(tally.totals.items())},
        "runs": [
            {
                "name": each.run.name,
                "epoch": each.progress and each.progress.epoch,
                "epochs": each.progress and each.progress.epochs,
                "phase": each.progress and each.progress.phase,
            }
            for _, each in sorted(tally.under_way.items())
        ],
        "seconds_left": tally.seconds_left(),
    }


def _training(record: dict[str, Any]) -> Training:
    return Training(
        experiments={name: (done, total) for name, (done, total) in record["experiments"].items()},
        runs=tuple(RunUnderWay(**run) for run in record["runs"]),
        seconds_left=record["seconds_left"],
    )


def _is_over(path: Path) -> bool:
    """Whether the process that wrote the file is gone, or silent."""
    host, _, pid = path.stem.removeprefix("progress-").rpartition("-")
    # (elsewhere than on POSIX this would not ask whether a process lives, but end it)
    if host == socket.gethostname() and os.name == "posix":
        try:
            os.kill(int(pid), 0)
        except (ProcessLookupError, ValueError):
            return True
        except PermissionError:
            pass  # it lives, as another user
    return time.time() - path.stat().st_mtime > SILENT_SECONDS
