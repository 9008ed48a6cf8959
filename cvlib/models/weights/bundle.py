"""One file with weights, for machines without a network: a plain tar with a manifest of checksums."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from cvlib.models.bundle import BundleError
from cvlib.models.weights import WeightsFile, sha256_of
from cvlib.models.weights.files import SUFFIXES

FORMAT = 1
MANIFEST = "manifest.json"
FOLDER = "weights/"
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.(safetensors|pth)")
_MANIFEST_LIMIT = 1 << 20
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Packed:
    """One file of a bundle. is_new: it was not under data/weights/ before."""

    file: str
    size: int
    sha256: str
    is_new: bool = True


def can_be_packed(file: str) -> bool:
    """Return whether a bundle takes a file of this name."""
    return _PLAIN_NAME.fullmatch(file) is not None


def file_name(name: str, found: WeightsFile, root: Path) -> str:
    """Return the name that weights get under data/weights/: their own if they lie there, else timm's."""
    if found.path.parent == root:
        return found.path.name
    suffix = ".safetensors" if found.path.suffix == ".safetensors" else ".pth"
    return f"{name}{suffix}"


def pack(target: Path, files: dict[str, WeightsFile]) -> list[Packed]:
    """Write a bundle of `files` (name under data/weights/ -> file); the same files give the same bytes.

    `target` appears when it is whole. Raises BundleError if a file changes on the way.
    """
    entries = [
        Packed(name, found.path.stat().st_size, found.sha256)
        for name, found in sorted(files.items())
    ]
    for entry in entries:
        _check_name(entry.file, target)
    target.parent.mkdir(parents=True, exist_ok=True)
    staged = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with tarfile.open(staged, "w", format=tarfile.USTAR_FORMAT) as tar:
            manifest = _manifest_text(entries).encode()
            tar.addfile(_member(MANIFEST, len(manifest)), io.BytesIO(manifest))
            for entry in entries:
                with files[entry.file].path.open("rb") as content:
                    reader = _Hashing(content)
                    tar.addfile(_member(FOLDER + entry.file, entry.size), reader)  # type: ignore[arg-type]
                if reader.digest.hexdigest() != entry.sha256:
                    raise BundleError(f"{files[entry.file].path} changed while it was packed")
        staged.replace(target)
    finally:
        staged.unlink(missing_ok=True)
    return entries


def unpack(bundle: Path, root: Path, *, replace: bool = False) -> list[Packed]:
    """Put the files of a bundle under `root` (data/weights), all of them or none.

    Each is written aside and compared with the manifest; only then are they renamed into place.
    A file that is there already and differs is an error unless `replace`. Raises BundleError.
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
        here = {e.file for e in entries if (root / e.file).exists()}
        same = {f for f in here if sha256_of(root / f) == _digest(entries, f)}
        if (here - same) and not replace:
            raise BundleError(
                f"{', '.join(sorted(here - same))} in {root} differs from the one in {bundle}; move "
                "it away, or say --replace"
            )
        for entry in entries:
            if entry.file not in same:
                (staged / entry.file).replace(root / entry.file)
        return [Packed(e.file, e.size, e.sha256, is_new=e.file not in same) for e in entries]
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _extract(tar: tarfile.TarFile, bundle: Path, staged: Path) -> list[Packed]:
    first = tar.next()
    if first is None or first.name != MANIFEST or not first.isreg():
        raise BundleError(f"{bundle} does not start with a {MANIFEST}: no bundle of cvlib")
    entries = _read_manifest(tar, first, bundle)
    wanted = {entry.file: entry for entry in entries}
    while (member := tar.next()) is not None:
        file = member.name.removeprefix(FOLDER)
        if not member.isreg() or member.name == file or file not in wanted:
            kind = "file" if member.isreg() else "link or special file"
            raise BundleError(f"{bundle} holds the {kind} {member.name!r}, which is not its own")
        _write(tar, member, wanted.pop(file), bundle, staged / file)
    if wanted:
        raise BundleError(f"{bundle} is cut short: {', '.join(sorted(wanted))} is not in it")
    return entries


def _write(
    tar: tarfile.TarFile, member: tarfile.TarInfo, entry: Packed, bundle: Path, target: Path
) -> None:
    if member.size != entry.size:
        raise BundleError(
            f"{bundle}: {entry.file} has {member.size} bytes, its manifest says {entry.size}; copy "
            "the bundle again"
        )
    content = tar.extractfile(member)
    assert content is not None  # it is a plain file
    with content, target.open("xb") as file:
        reader = _Hashing(content)
        while chunk := reader.read(_CHUNK):
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    if reader.digest.hexdigest() != entry.sha256:
        raise BundleError(
            f"{bundle}: {entry.file} is not what the manifest says (sha256 "
            f"{reader.digest.hexdigest()[:12]}, expected {entry.sha256[:12]}); copy the bundle again"
        )


def _read_manifest(tar: tarfile.TarFile, member: tarfile.TarInfo, bundle: Path) -> list[Packed]:
    content = tar.extractfile(member)
    assert content is not None
    if member.size > _MANIFEST_LIMIT:
        raise BundleError(f"{bundle}: its {MANIFEST} is too large to be one")
    try:
        manifest: Any = json.loads(content.read())
        if manifest["format"] != FORMAT:
            raise BundleError(
                f"{bundle} has format {manifest['format']!r}, this cvlib reads {FORMAT}"
            )
        entries = [
            Packed(str(item["file"]), int(item["size"]), str(item["sha256"]))
            for item in manifest["files"]
        ]
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, BundleError):
            raise
        raise BundleError(f"{bundle}: its {MANIFEST} cannot be read ({error})") from error
    for entry in entries:
        _check_name(entry.file, bundle)
    if len({entry.file for entry in entries}) < len(entries):
        raise BundleError(f"{bundle}: its {MANIFEST} names a file twice")
    return entries


def _check_name(file: str, bundle: Path) -> None:
    if not can_be_packed(file):
        raise BundleError(f"{bundle}: {file!r} is no plain name of a {' or '.join(SUFFIXES)} file")


def _digest(entries: Iterable[Packed], file: str) -> str:
    return next(entry.sha256 for entry in entries if entry.file == file)


def _manifest_text(entries: list[Packed]) -> str:
    files = [{"file": e.file, "sha256": e.sha256, "size": e.size} for e in entries]
    return json.dumps({"files": files, "format": FORMAT}, indent=1, sort_keys=True) + "\n"


def _member(name: str, size: int) -> tarfile.TarInfo:
    # owner, times and mode are TarInfo's own: 0, 0 and 644
    info = tarfile.TarInfo(name)
    info.size = size
    return info


class _Hashing:
    """Reads from a file and keeps the sha256 of what was read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self.digest.update(data)
        return data
