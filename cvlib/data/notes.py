"""What was worked out of files, kept in small JSON files until those change. Loads no numpy."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# A file may change twice within one tick of the file system's clock. Younger ones are not trusted.
_TICK_NS = 100_000_000


def remembered(
    note: Path, state: Callable[[], tuple[Any, int]], make: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """Return what `make` gives: from `note`, if the files' `state` is the one it was made in.

    state: plain JSON values that tell the files, and the youngest of their times in ns.
    """
    before, youngest = state()
    try:
        stored: dict[str, Any] = json.loads(note.read_text())
        if stored.pop("state") == before:
            return stored
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass  # no note, or not a whole one
    found = make()
    if youngest < time.time_ns() - _TICK_NS and state()[0] == before:
        write_note(note, {"state": before, **found})
    return found


def write_note(path: Path, content: object) -> None:
    """Write JSON in one step; a folder that cannot be written to costs time, not correctness."""
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        staged.write_text(json.dumps(content, separators=(",", ":")))
        staged.replace(path)
    except OSError:
        staged.unlink(missing_ok=True)


def file_digest(path: Path, algorithm: str = "sha256") -> str:
    """Return the hex digest of a file; algorithm: "md5" or "sha256"."""
    # MD5 guards against damage here, not against forgery; FIPS builds want to be told.
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
