"""What was worked out of files, kept in small sealed files until those change. Loads no numpy."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from cvlib.files import DamagedFile, open_sealed, write_sealed

_log = logging.getLogger(__name__)

# A file may change twice within one tick of the file system's clock. Younger ones are not trusted.
_TICK_NS = 100_000_000


def remembered(
    note: Path, state: Callable[[], tuple[Any, int]], make: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """Return what `make` gives: from `note`, if the files' `state` is the one it was made in.

    state: plain JSON values that tell the files, and the youngest of their times in ns.
    """
    before, youngest = state()
    stored = read_cached(note)
    if stored.pop("state", None) == before:
        return stored
    found = make()
    if youngest < time.time_ns() - _TICK_NS and state()[0] == before:
        write_cached(note, {"state": before, **found})
    return found


def files_state(paths: Iterable[Path]) -> tuple[str, int]:
    """Return a checksum of the files' paths, sizes and times, and the youngest time in ns."""
    digest = hashlib.sha256()
    youngest = 0
    for path in paths:
        try:
            stat = path.stat()
        except OSError:
            digest.update(f"{path}\0missing\n".encode(errors="surrogateescape"))
            continue
        # The change time sees what a restored modification time would hide.
        line = f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}\0{stat.st_ctime_ns}\n"
        digest.update(line.encode(errors="surrogateescape"))
        youngest = max(youngest, stat.st_mtime_ns, stat.st_ctime_ns)
    return digest.hexdigest(), youngest


def read_cached(path: Path) -> dict[str, Any]:
    """Return what `write_cached` wrote; {} where nothing is, and where it is damaged: that is said."""
    try:
        with open_sealed(path) as file:
            return dict(json.load(file))
    except FileNotFoundError:
        return {}
    except (DamagedFile, OSError) as error:
        _log.warning("%s; it is made anew", error)
        return {}


def write_cached(path: Path, content: dict[str, Any]) -> None:
    """Write JSON in one step; a folder that cannot be written to costs time, not correctness."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_sealed(path, lambda file: file.write(json.dumps(content).encode()))
    except OSError as error:
        _log.info("%s is not kept: %s", path, error)


def file_digest(path: Path, algorithm: str = "sha256") -> str:
    """Return the hex digest of a file; algorithm: "md5" or "sha256"."""
    # MD5 guards against damage here, not against forgery; FIPS builds want to be told.
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
