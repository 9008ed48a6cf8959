"""One file with weights, for machines without a network: a plain tar with a manifest of checksums.

Not a tar of the hub's cache: weights also come from packages, from torch.hub and from data/weights,
and there, in the project, they are found first, whoever runs it.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import tarfile
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cvlib.data.notes import file_digest
from cvlib.errors import CvlibError
from cvlib.models.weights import SUFFIXES, WeightsFile

FORMAT = 1
MANIFEST = "manifest.json"
FOLDER = "weights/"
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.(safetensors|pth)")
_MANIFEST_LIMIT = 1 << 20


class BundleError(CvlibError, ValueError):
    """A bundle of weights is damaged or holds what it should not; nothing of it was unpacked."""


@dataclass(frozen=True)
class PackedFile:
    """One file of a bundle. is_new: it was not under data/weights/ before."""

    file: str
    size: int
    sha256: str
    is_new: bool = True


def can_be_packed(file: str) -> bool:
    """Return whether a bundle takes a file of this name."""
    return _PLAIN_NAME.fullmatch(file) is not None


def pack(target: Path, files: dict[str, WeightsFile]) -> list[PackedFile]:
    """Write a bundle of `files` (name under data/weights/ -> file); the same files give the same bytes.

    `target` appears when it is whole. Raises BundleError if a file changes on the way.
    """
    entries = [
        PackedFile(name, found.path.stat().st_size, found.sha256)
        for name, found in sorted(files.items())
    ]
    _check_names(entries, target)
    listed = [{"file": e.file, "sha256": e.sha256, "size": e.size} for e in entries]
    manifest = json.dumps({"files": listed, "format": FORMAT}, indent=1, sort_keys=True) + "\n"
    target.parent.mkdir(parents=True, exist_ok=True)
    staged = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with tarfile.open(staged, "w", format=tarfile.USTAR_FORMAT) as tar:
            tar.addfile(_member(MANIFEST, len(manifest)), io.BytesIO(manifest.encode()))
            for entry in entries:
                path = files[entry.file].path
                with path.open("rb") as content:
                    tar.addfile(_member(FOLDER + entry.file, entry.size), content)
                if file_digest(path) != entry.sha256:
                    raise BundleError(f"{path} changed while it was packed")
        staged.replace(target)
    finally:
        staged.unlink(missing_ok=True)
    return entries


def unpack(bundle: Path, root: Path, *, replace_files: bool = False) -> list[PackedFile]:
    """Put the files of a bundle under `root` (data/weights), all of them or none.

    Each is written aside and compared with the manifest; only then are they renamed into place.
    A file that is there already and differs is an error unless `replace_files`. Raises BundleError.
    """
    if not bundle.is_file():
        raise BundleError(f"{bundle}: there is no such file")
    root.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(prefix=".staged-", dir=root))
    try:
        try:
            with tarfile.open(bundle, "r:") as tar:
                entries = _extract(tar, bundle, staged)
        except (tarfile.TarError, EOFError) as error:
            raise BundleError(
                f"{bundle} is cut short, damaged or no bundle of `cvlib weights pack` ({error}); "
                "copy it again"
            ) from error
        here = {e.file: file_digest(root / e.file) for e in entries if (root / e.file).exists()}
        entries = [replace(e, is_new=here.get(e.file) != e.sha256) for e in entries]
        differing = ", ".join(e.file for e in entries if e.is_new and e.file in here)
        if differing and not replace_files:
            raise BundleError(
                f"{differing} in {root} differs from the one in {bundle}; move it away, or say "
                "--replace"
            )
        for entry in entries:
            if entry.is_new:
                (staged / entry.file).replace(root / entry.file)
        return entries
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _extract(tar: tarfile.TarFile, bundle: Path, staged: Path) -> list[PackedFile]:
    """Write what the manifest lists, and only that, into `staged`, under names without folders."""
    entries = _read_manifest(tar, bundle)
    wanted = {entry.file: entry for entry in entries}
    while (member := tar.next()) is not None:
        file = member.name.removeprefix(FOLDER)
        if not member.isreg() or member.name == file or file not in wanted:
            kind = "file" if member.isreg() else "link or special file"
            raise BundleError(f"{bundle} holds the {kind} {member.name!r}, which is not its own")
        if member.issparse() or member.size != wanted[file].size:  # a few bytes may claim terabytes
            raise BundleError(f"{bundle}: {file} has not the size that the manifest says")
        content = tar.extractfile(member)
        assert content is not None  # it is a plain file
        with content, (staged / file).open("xb") as written:
            shutil.copyfileobj(content, written, 1 << 20)
            written.flush()
            os.fsync(written.fileno())
        entry, sha256 = wanted.pop(file), file_digest(staged / file)
        if sha256 != entry.sha256:
            raise BundleError(
                f"{bundle}: {file} is not what the manifest says (sha256 {sha256[:12]}, expected "
                f"{entry.sha256[:12]}); copy the bundle again"
            )
    if wanted:
        raise BundleError(f"{bundle} is cut short: {', '.join(sorted(wanted))} is not in it")
    return entries


def _read_manifest(tar: tarfile.TarFile, bundle: Path) -> list[PackedFile]:
    member = tar.next()
    if member is None or member.name != MANIFEST or not member.isreg():
        raise BundleError(f"{bundle} does not start with a {MANIFEST}: no bundle of cvlib")
    if member.size > _MANIFEST_LIMIT:
        raise BundleError(f"{bundle}: its {MANIFEST} is too large to be one")
    content = tar.extractfile(member)
    assert content is not None
    try:
        manifest: Any = json.loads(content.read())
        stored, files = manifest["format"], manifest["files"]
        entries = [PackedFile(str(f["file"]), int(f["size"]), str(f["sha256"])) for f in files]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BundleError(f"{bundle}: its {MANIFEST} cannot be read ({error})") from error
    if stored != FORMAT:
        raise BundleError(f"{bundle} has format {stored!r}, this cvlib reads {FORMAT}")
    _check_names(entries, bundle)
    if len({entry.file for entry in entries}) < len(entries):
        raise BundleError(f"{bundle}: its {MANIFEST} names a file twice")
    return entries


def _check_names(entries: list[PackedFile], bundle: Path) -> None:
    if wrong := [entry.file for entry in entries if not can_be_packed(entry.file)]:
        raise BundleError(
            f"{bundle}: {wrong[0]!r} is no plain name of a {' or '.join(SUFFIXES)} file"
        )


def _member(name: str, size: int) -> tarfile.TarInfo:
    # owner, times and mode are TarInfo's own: 0, 0 and 644
    info = tarfile.TarInfo(name)
    info.size = size
    return info
