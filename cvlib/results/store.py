"""The results store: one folder a run, complete or absent, checksummed, locked.

    <root>/<key>/spec.json           resolved spec, dataset fingerprint, checksum of weights
                 metrics.json        name -> number
                 history.json        one mapping an epoch
                 predictions.npz     test logits (float16), labels, ids
                 tables.json         where a run has more rows to tell: name -> rows
                 embedding.npz       where asked for: maps of the test images' features
                 provenance.json     code, environment, git commit, what it was run for
                 manifest.json       sha256 of every file above, and of the weights
                 best.safetensors    weights; stay on the machine that made them
    <root>/.scratch/<key>/           checkpoints of a run under way
    <root>/.locks/<key>.lock         held by the process that works on the run

    <root>/<key>.failed.json         why the last attempt failed, where an earlier result stands

A failed run's folder holds failure.json instead of metrics, history and predictions.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvlib.files import (
    OLD,
    canonical_json,
    copy_durably,
    read_note,
    readable_json,
    replace_folder,
    replace_text,
    restore_folder,
    sealed_json,
    sha256_bytes,
    sha256_file,
    sha256_text,
    write_durably,
)
from cvlib.results.run import DamagedRun, FailedRun, Run

if TYPE_CHECKING:
    import numpy as np

MANIFEST = "manifest.json"
FORMAT = 1
_FINISHED = "finished"  # in a run's scratch folder: the digest of the result that came of it
_OF_A_RUN = re.compile(r"^(?:(?:staged|removed)-)?([0-9a-f]{64})(?:-|$)")


class Store:
    """Reads and writes the runs below `root`; the folder need not exist yet."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    # ── reading ──────────────────────────────────────────────────────────────────────────────

    def keys(self) -> list[str]:
        """Keys of all runs with a folder, sorted; whole or not."""
        if not self.root.is_dir():
            return []
        return sorted(p.name for p in self.root.iterdir() if p.is_dir() and p.name[0] != ".")

    def __contains__(self, key: str) -> bool:
        return (self.root / key / MANIFEST).exists()

    def problems(self, key: str) -> list[str]:
        """Everything wrong with a run's folder, in words; empty when it is whole.

        Weights are looked at by `damaged_weights`: no page shows them.
        """
        folder = self.root / key
        try:
            manifest = json.loads((folder / MANIFEST).read_bytes())
            listed = {str(name): str(digest) for name, digest in manifest["files"].items()}
        except FileNotFoundError:
            return [f"{MANIFEST} is missing"]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return [f"{MANIFEST} cannot be read"]
        if manifest.get("format") != FORMAT:
            return [f"written in store format {manifest.get('format')}, this cvlib reads {FORMAT}"]
        needed = {"spec.json", "provenance.json"}
        if "failure.json" not in listed:
            needed |= {"metrics.json", "history.json", "predictions.npz"}
        found = [f"{MANIFEST} does not list {name}" for name in sorted(needed - listed.keys())]
        found += [
            f"{MANIFEST} does not list {name}"
            for name in ("tables.json", "embedding.npz", "failure.json")
            if name not in listed and (folder / name).exists()
        ]
        for name, digest in listed.items():
            path = folder / name
            if not path.is_file():
                found.append(f"{name} is missing")
            elif sha256_file(path) != digest:
                found.append(f"{name} was altered")
        if not found:
            identity = json.loads((folder / "spec.json").read_bytes())
            made = run_key(**identity)
            if made != key:
                found.append(f"it is run {made[:12]}, in a folder of another name")
        return found

    def damaged_weights(self, key: str) -> list[str]:
        """The files of weights beside a run that are not as they were written; absent is whole."""
        folder = self.root / key
        listed = json.loads((folder / MANIFEST).read_bytes())["weights"]
        return [
            name
            for name, digest in listed.items()
            if (folder / name).is_file() and sha256_file(folder / name) != digest
        ]

    def read(self, key: str) -> Run | FailedRun:
        """Read one run, checksums verified.

        Raises KeyError when there is none, DamagedRun when its folder is incomplete or altered.
        """
        folder = self.root / key
        if not folder.is_dir():
            raise KeyError(f"no run {key} in {self.root}; `cvlib status` lists what there is")
        if found := self.problems(key):
            raise DamagedRun(
                f"run {key[:12]} in {self.root}: {'; '.join(found)}. Restore the folder from git, "
                f"or delete it and `cvlib run` makes it again."
            )
        identity = json.loads((folder / "spec.json").read_text())
        identity["provenance"] = json.loads((folder / "provenance.json").read_text())
        failure = folder / "failure.json"
        if failure.exists():
            return FailedRun(key=key, **identity, **json.loads(failure.read_text()))
        return Run(
            key=key,
            folder=folder,
            metrics=json.loads((folder / "metrics.json").read_text()),
            history=json.loads((folder / "history.json").read_text()),
            **identity,
        )

    def digest(self, key: str) -> str:
        """One checksum for all that a run's folder says, 64 hex digits; '' when there is none."""
        manifest = self.root / key / MANIFEST
        return sha256_file(manifest) if manifest.exists() else ""

    def last_failure(self, key: str) -> str:
        """Why the last attempt failed at a run whose earlier result stands; '' when it did not."""
        return str(read_note(self.root / f"{key}.failed.json").get("reason", ""))

    # ── writing ──────────────────────────────────────────────────────────────────────────────

    def scratch(self, key: str) -> Path:
        """Folder for a run's checkpoints while it is under way; made when asked for."""
        path = self.root / ".scratch" / key
        path.mkdir(parents=True, exist_ok=True)
        return path

    def is_under_way(self, key: str) -> bool:
        """Whether an earlier call left a checkpoint to go on from."""
        path = self.root / ".scratch" / key
        return path.is_dir() and any(path.iterdir())

    def clear_leftovers(self) -> None:
        """Clear what killed processes left of runs that nobody works on now."""
        names = (path.name for path in (self.root / ".scratch").glob("*") if path.is_dir())
        for key in {found[1] for name in names if (found := _OF_A_RUN.search(name))}:
            with self.lock(key):
                pass

    @contextmanager
    def lock(self, key: str) -> Iterator[bool]:
        """Hold the run's lock; yields False, at once, when another process holds it.

        What a killed process left half done of this run is put right first.
        """
        with lock_if_free(self.root / ".locks" / f"{key}.lock") as mine:
            if mine:
                self._put_right(key)
            yield mine

    def _put_right(self, key: str) -> None:
        scratch = self.root / ".scratch"
        for path in scratch.glob(f"*-{key}-*"):
            if path.name.startswith("staged-"):
                name = path.name.removesuffix(OLD)
                restore_folder(path.with_name(name), self.root / key)
            elif path.name.startswith("removed-"):
                shutil.rmtree(path)
        finished = scratch / key / _FINISHED
        if finished.exists() and finished.read_text() == self.digest(key):
            shutil.rmtree(scratch / key)
        for path in (scratch / key).glob(".*.[0-9]*"):
            path.unlink()  # a write that a kill cut short

    def write_run(
        self,
        key: str,
        *,
        spec: Mapping[str, Any],
        dataset_fingerprint: str,
        metrics: Mapping[str, float],
        history: Sequence[Mapping[str, float]],
        logits: np.ndarray,
        labels: np.ndarray,
        ids: np.ndarray,
        provenance: Mapping[str, Any],
        weights: Mapping[str, Path],
        weights_sha256: str | None = None,
        tables: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
        embedding: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        """Put a finished run in place and drop its scratch folder.

        logits: (N, C); labels, ids: (N,); weights: name -> file, copied into the run's folder;
        weights_sha256: of the pretrained weights; tables, embedding: see `Run`.
        Raises ValueError when a number is not finite: such a run has failed and is no result.
        """
        import numpy as np  # here and below: who only reads states needs no numpy

        if not np.isfinite(logits).all():
            raise ValueError(f"run {key[:12]}: logits hold values that are not finite")
        small = {
            "metrics.json": readable_json(dict(metrics)).encode(),
            "history.json": readable_json([dict(row) for row in history]).encode(),
            "predictions.npz": _pack(logits=_half(logits), labels=labels, ids=ids),
        }
        if tables:
            rows = {name: [dict(row) for row in table] for name, table in tables.items()}
            small["tables.json"] = readable_json(rows).encode()
        if embedding is not None:
            small["embedding.npz"] = _pack(**embedding)
        identity = _identity(spec, dataset_fingerprint, weights_sha256)
        self._publish(key, identity, provenance, small, weights)

    def write_failure(
        self,
        key: str,
        *,
        spec: Mapping[str, Any],
        dataset_fingerprint: str,
        reason: str,
        lasting: bool,
        provenance: Mapping[str, Any],
        weights_sha256: str | None = None,
    ) -> None:
        """Record that a run ended without a result, and why; its checkpoints are dropped.

        An earlier result stays, with the reason beside it.
        """
        if (
            key in self
            and not self.problems(key)
            and not (self.root / key / "failure.json").exists()
        ):
            replace_text(self.root / f"{key}.failed.json", sealed_json({"reason": reason}))
            shutil.rmtree(self.root / ".scratch" / key, ignore_errors=True)
            return
        small = {
            "failure.json": readable_json({"reason": reason, "lasting": lasting}).encode(),
        }
        identity = _identity(spec, dataset_fingerprint, weights_sha256)
        self._publish(key, identity, provenance, small, {})

    def remove(self, key: str) -> None:
        """Delete a run's folder and its checkpoints."""
        folder = self.root / key
        if folder.exists():
            # Renamed first: a reader never meets a folder that is half gone.
            doomed = self.root / ".scratch" / f"removed-{key}-{os.getpid()}"
            doomed.parent.mkdir(parents=True, exist_ok=True)
            folder.replace(doomed)
            shutil.rmtree(doomed)
        (self.root / f"{key}.failed.json").unlink(missing_ok=True)
        shutil.rmtree(self.root / ".scratch" / key, ignore_errors=True)

    def _publish(
        self,
        key: str,
        identity: Mapping[str, Any],
        provenance: Mapping[str, Any],
        small: dict[str, bytes],
        weights: Mapping[str, Path],
    ) -> None:
        small["spec.json"] = readable_json(identity).encode()
        small["provenance.json"] = readable_json(dict(provenance)).encode()
        staged = self.root / ".scratch" / f"staged-{key}-{os.getpid()}"
        shutil.rmtree(staged, ignore_errors=True)
        staged.mkdir(parents=True)
        for name, data in small.items():
            write_durably(staged / name, data)
        manifest = {
            "format": FORMAT,
            "files": {name: sha256_bytes(data) for name, data in small.items()},
            "weights": {
                f"{name}.safetensors": copy_durably(path, staged / f"{name}.safetensors")
                for name, path in weights.items()
            },
        }
        written = readable_json(manifest).encode()
        write_durably(staged / MANIFEST, written)
        # Said before the folders change places: whoever finds both knows that the work is done.
        replace_text(self.scratch(key) / _FINISHED, sha256_bytes(written))
        replace_folder(staged, self.root / key)
        (self.root / f"{key}.failed.json").unlink(missing_ok=True)
        shutil.rmtree(self.root / ".scratch" / key)


@contextmanager
def lock_if_free(file: Path) -> Iterator[bool]:
    """Hold a lock file; yields False, at once, when another process holds it."""
    # Imported here: a render reads only, and needs no locks.
    from filelock import FileLock, Timeout

    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def run_key(
    spec: Mapping[str, Any], dataset_fingerprint: str, weights_sha256: str | None = None
) -> str:
    """Key of a run, 64 hex digits: sha256 over the canonical spec and what it starts from.

    weights_sha256: of the file of pretrained weights, None for a start from random weights.
    """
    parts = [canonical_json(spec), dataset_fingerprint]
    return sha256_text("\n".join(parts if weights_sha256 is None else [*parts, weights_sha256]))


def _identity(
    spec: Mapping[str, Any], dataset_fingerprint: str, weights_sha256: str | None
) -> dict[str, Any]:
    identity = {"spec": dict(spec), "dataset_fingerprint": dataset_fingerprint}
    return identity if weights_sha256 is None else {**identity, "weights_sha256": weights_sha256}


def _half(logits: np.ndarray) -> np.ndarray:
    # float16 keeps three digits, enough for confidences, at half the size. Logits beyond its range
    # (65504) are as certain as a softmax gets, so clipping them changes no probability. Rounding
    # may tie two classes; then the first of them would win, so the true winner is nudged up.
    import numpy as np

    half = np.clip(logits, -6e4, 6e4).astype(np.float16)
    winner = logits.argmax(axis=1)
    rows = np.flatnonzero(half.argmax(axis=1) != winner)
    half[rows, winner[rows]] = np.nextafter(half[rows].max(axis=1), np.float16(np.inf))
    return half


def _pack(**arrays: np.ndarray) -> bytes:
    import numpy as np

    small = {
        name: array if array.dtype.kind == "f" else array.astype(np.int32)
        for name, array in arrays.items()
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **small)
    return buffer.getvalue()
