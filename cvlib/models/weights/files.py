"""Weights files: what is known of one, and its sha256, worked out once for each state of the file."""

from __future__ import annotations

import hashlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

SUFFIXES = (".safetensors", ".pth")  # of files under data/weights/, the first one wins
# A file may change twice within one tick of the file system's clock. Younger ones are not trusted.
_TICK_NS = 100_000_000


@dataclass(frozen=True)
class WeightsFile:
    """A file with the weights asked for."""

    path: Path
    sha256: str
    source: Literal["file", "cache", "network", "package"]


@dataclass(frozen=True)
class WeightsMissing:
    """Weights that are not on this machine.

    tried: each place, and what was there instead. is_fetchable: timm knows where they are.
    """

    name: str
    tried: tuple[str, ...]
    advice: str
    is_fetchable: bool = False

    @property
    def where(self) -> str:
        """One line: where they were looked for."""
        return "; ".join(self.tried)

    @property
    def reason(self) -> str:
        """One line: what is missing, where it was looked for, what to do."""
        return f"no weights for {self.name}: {self.where}; {self.advice}"

    def __str__(self) -> str:
        return self.reason


def cached_sha256(path: Path, cache: Path) -> str:
    """Return a file's sha256, remembered under `cache` by its path, size and times.

    A hub's cache has links to its files: the file at a link's end is what counts.
    """
    path = Path(os.path.realpath(path))
    stat = path.stat()
    # The change time sees what a restored modification time would hide.
    state = [str(path), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
    name = hashlib.sha256(str(path).encode(errors="surrogateescape")).hexdigest()[:32]
    note = cache / "weights" / f"{name}.json"
    try:
        stored = json.loads(note.read_text())
        if stored["state"] == state:
            return stored["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        pass  # no note, or not a whole one: work it out
    found = sha256_of(path)
    after = path.stat()
    unchanged = [after.st_size, after.st_mtime_ns, after.st_ctime_ns] == state[1:]
    if unchanged and max(stat.st_mtime_ns, stat.st_ctime_ns) < time.time_ns() - _TICK_NS:
        write_note(note, {"state": state, "sha256": found})
    return found


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file's bytes, as 64 hex digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def write_note(path: Path, content: object) -> None:
    """Write JSON in one step; a folder that cannot be written to costs time, not correctness."""
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        staged.write_text(json.dumps(content, separators=(",", ":")))
        staged.replace(path)
    except OSError:
        staged.unlink(missing_ok=True)
