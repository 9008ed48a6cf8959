"""Features on disk: made once for each identity, checked on every use, complete or absent."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from cvlib.files import (
    DamagedFile,
    opened,
    read_note,
    replace_folder,
    sealed_json,
    sha256_file,
    write_durably,
)
from cvlib.training.clock import Clock, Seconds

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Features:
    """Features of a split's images, and what it took to make them.

    array: (N, D) float32, a read-only memory map. seconds: of making them, whenever that was.
    made: whether it was now.
    """

    array: np.ndarray
    seconds: Seconds
    made: bool

    @property
    def images_per_second(self) -> float:
        """Of wall time."""
        return len(self.array) / self.seconds.wall


def cached_features(
    root: Path, identity: dict[str, Any], make: Callable[[], np.ndarray], device: str = "cpu"
) -> Features:
    """Return the features of `identity`; `make` them, (N, D) float32, if they are not there.

    device: where `make` computes, for the clock.

    root: a folder of features, <key's first two digits>/<key>/{features.npy, meta.json}.
    identity: plain JSON values that name all that the features depend on; a file made for
    another one is never used. A damaged file is made anew, with a warning. Of several processes
    one makes and the others wait. What `make` raises passes through and leaves nothing behind.
    """
    key = feature_key(identity)
    folder = root / key[:2] / key
    found = _load(folder)
    if isinstance(found, Features):
        return found
    # beside the folders, and never removed: who waits for a lock must wait for the same file
    locks = root / ".locks"
    locks.mkdir(parents=True, exist_ok=True)
    with FileLock(locks / f"{key}.lock"):
        found = _load(folder)  # another process may have made it meanwhile
        if isinstance(found, Features):
            return found
        if found:
            logger.warning("features in %s are damaged and made anew: %s", folder, found)
        clock = Clock(device)
        array = make()
        _write(folder, identity, array, clock.lap())
        found = _load(folder)
    if not isinstance(found, Features):
        raise OSError(f"features in {folder} cannot be read back: {found}")
    return dataclasses.replace(found, made=True)


def feature_key(identity: dict[str, Any]) -> str:
    """The sha256 of an identity's one spelling as JSON, 64 hex digits."""
    return hashlib.sha256(_spelled(identity).encode()).hexdigest()


def _spelled(identity: dict[str, Any]) -> str:
    return json.dumps(identity, sort_keys=True, separators=(",", ":"), allow_nan=False)


def why_damaged(folder: Path) -> str:
    """What is wrong with the features in a folder, '' where they are as they were written."""
    file = folder / "features.npy"
    try:
        meta = read_note(folder / "meta.json")
        if feature_key(meta["identity"]) != folder.name:
            return "meta.json is that of other features"
        size = file.stat().st_size
        if size != meta["bytes"]:
            return f"features.npy has {size} of {meta['bytes']} bytes"
        if sha256_file(file) != meta["features_sha256"]:
            return "features.npy has another checksum than it was written with"
    except DamagedFile as damage:
        return str(damage)
    except (OSError, ValueError, KeyError, TypeError) as error:
        return repr(error)
    return ""


def _load(folder: Path) -> Features | str:
    """The features in a folder, "" if there are none, or why they cannot be used.

    Whole ones of an earlier cvlib, which does not say what they cost to compute, are none.
    """
    if not folder.is_dir():
        return ""
    if why := why_damaged(folder):
        return why
    meta = read_note(folder / "meta.json")
    if "compute_seconds" not in meta:
        return ""
    return Features(
        array=np.load(folder / "features.npy", mmap_mode="r"),
        seconds=Seconds(float(meta["seconds"]), float(meta["compute_seconds"])),
        made=False,
    )


def _write(folder: Path, identity: dict[str, Any], array: np.ndarray, seconds: Seconds) -> None:
    # of this process alone: a killed one's leftovers, or a lock that was removed, harm nobody
    for leftover in folder.parent.glob(f".staged-{folder.name}-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    staged = folder.parent / f".staged-{folder.name}-{os.getpid()}"
    staged.mkdir(parents=True)
    try:
        file = staged / "features.npy"
        with opened(file, "w+b") as out:  # into "wb" numpy writes by itself, and hides what failed
            np.save(out, array)
            out.flush()
            os.fsync(out.fileno())  # a rename must not overtake the bytes it publishes
        meta = {
            "identity": identity,
            "shape": list(array.shape),
            "seconds": seconds.wall,
            "compute_seconds": seconds.compute,
            "bytes": file.stat().st_size,
            "features_sha256": sha256_file(file),
        }
        write_durably(staged / "meta.json", sealed_json(meta).encode())
        replace_folder(staged, folder)  # which holds damaged ones, if any: it was read just now
    finally:
        shutil.rmtree(staged, ignore_errors=True)
