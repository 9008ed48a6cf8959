"""A fault at the n-th change of the disk below a folder: an error, half a write, or a SIGKILL.

Changes are counted where Python makes them: files opened for writing and each of their writes,
renames, exchanges, removals, folders made, and syncs.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cvlib.files

ERRORS = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO, "EROFS": errno.EROFS}
FAULTS = ("kill", "torn", *ERRORS)


class Injector:
    """Counts changes below `root`; from the `at`-th on (from 1) makes `fault` happen; 0: none.

    A kill and a torn write happen once; a disk that is full, broken or read-only stays so.
    """

    def __init__(self, root: Path, fault: str = "kill", at: int = 0) -> None:
        self.root = os.path.realpath(root)
        self.fault, self.at = fault, at
        self.count = 0
        self.names: list[str] = []

    def concerns(self, *paths: Any) -> bool:
        """Whether one of the paths lies below the root."""
        for path in paths:
            if isinstance(path, (str, os.PathLike)):
                full = os.path.abspath(os.fspath(path))  # noqa: PTH100  (links stay)
                if isinstance(full, str) and full.startswith(self.root):
                    return True
        return False

    def change(self, name: str, tear: Callable[[], None] | None = None) -> None:
        """One change is about to be made."""
        self.count += 1
        self.names.append(name)
        if not self.at or self.count < self.at:
            return
        if self.fault in ERRORS:
            code = ERRORS[self.fault]
            raise OSError(code, os.strerror(code), name.partition(" ")[2])
        if self.count == self.at:
            if self.fault == "torn" and tear is not None:
                tear()
            os.kill(os.getpid(), signal.SIGKILL)


class _Raw(io.FileIO):
    injector: Injector
    shown: str

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        half = view[: len(view) // 2]
        self.injector.change(f"write {self.shown}", lambda: void(super(_Raw, self).write(half)))
        return super().write(data) or 0


def void(_value: object) -> None:
    """Nothing."""


@contextmanager
def injected(injector: Injector) -> Iterator[Injector]:
    """Make the injector's fault happen in this process, in the block."""
    genuine_open = io.open

    def opened(file: Any, mode: str = "r", *rest: Any, **named: Any) -> Any:
        changes = not isinstance(file, int) and set(mode) & set("wax+") and injector.concerns(file)
        if not changes:
            return genuine_open(file, mode, *rest, **named)
        injector.change(f"open {file}")
        binary = mode.replace("b", "").replace("t", "")
        raw = _Raw(file, binary)
        raw.injector, raw.shown = injector, str(file)
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        if "b" in mode:
            return buffered
        text = {key: named[key] for key in ("encoding", "errors", "newline") if key in named}
        return io.TextIOWrapper(buffered, **text)

    def counted(name: str) -> Callable[..., Any]:
        genuine = getattr(os, name)

        def call(*given: Any, **named: Any) -> Any:
            descriptor = given and isinstance(given[0], int)
            if not descriptor and injector.concerns(*given[:2]):
                injector.change(f"{name} {given[0]}")
            elif name == "fsync":
                injector.change("fsync")
            return genuine(*given, **named)

        return call

    genuine_exchange = cvlib.files._exchange

    def exchange(one: Path, other: Path) -> bool:
        injector.change(f"exchange {one}")
        return genuine_exchange(one, other)

    names = ("rename", "replace", "unlink", "remove", "mkdir", "rmdir", "fsync")
    before = {name: getattr(os, name) for name in names}
    for name in names:
        setattr(os, name, counted(name))
    builtins.open = io.open = opened  # type: ignore[assignment]
    cvlib.files._exchange = exchange
    try:
        yield injector
    finally:
        for name in names:
            setattr(os, name, before[name])
        builtins.open = io.open = genuine_open  # type: ignore[assignment]
        cvlib.files._exchange = genuine_exchange
