"""Files on disk: checksums, and writing and replacing that is complete or absent.

Whatever is read back to compute with is written through here: a file of its own with its checksum
in it (`write_sealed`), a note that several processes change (`update_note`), a folder that takes
another's place (`replace_folder`).
"""

from __future__ import annotations

import ctypes
import errno
import glob
import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

from cvlib.errors import CvlibError, causes

# A sealed file begins with this line, then the sha256 of all that follows, 64 hex digits, and "\n".
_SEAL = b"cvlib-sealed-1\n"
_HEADER = len(_SEAL) + 65
_CHUNK = 1 << 20
_TRIES = 100
OLD = ".old"  # ends the name of a folder that stands aside while another takes its place


class DamagedFile(CvlibError):
    """A file does not hold what was written into it; the message names it."""


# ── checksums and JSON ───────────────────────────────────────────────────────────────────────────


def canonical_json(value: Any) -> str:
    """Return `value` as JSON with one spelling: sorted keys, no spaces, no NaN (RFC 8785 in spirit).

    Raises ValueError for NaN and infinities, which JSON has no word for.
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def readable_json(value: Any) -> str:
    """Return `value` as JSON for people and for diffs: sorted, indented, ends with a newline."""
    return json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def sha256_bytes(data: bytes) -> str:
    """Return the sha256 of `data`, as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_text(text: str) -> str:
    """Return the sha256 of UTF-8 `text`, as 64 hex digits."""
    return sha256_bytes(text.encode())


@contextmanager
def opened(path: Path, mode: Literal["rb", "wb", "w+b"]) -> Iterator[BinaryIO]:
    """Open a file; an error of the disk while it is read or written names it, as that of opening does."""
    try:
        with path.open(mode) as file:
            yield cast(BinaryIO, file)
    except Exception as error:
        for cause in causes(error):
            if isinstance(cause, OSError) and cause.errno and cause.filename is None:
                cause.filename = str(path)
        raise


def sha256_file(path: Path) -> str:
    """Return the sha256 of a file's bytes, as 64 hex digits."""
    with opened(path, "rb") as file:
        return _sha256_of(file)


def _sha256_of(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


# ── writing ──────────────────────────────────────────────────────────────────────────────────────


def write_durably(path: Path, data: bytes) -> None:
    """Write bytes and wait until the disk has them, so that a rename after it publishes whole files."""
    with opened(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def copy_durably(source: Path, target: Path) -> str:
    """Copy a file as `write_durably` writes one; returns the sha256 of what was written."""
    digest = hashlib.sha256()
    with opened(target, "wb") as written, opened(source, "rb") as read:
        while chunk := read.read(_CHUNK):
            digest.update(chunk)
            written.write(chunk)
        written.flush()
        os.fsync(written.fileno())
    return digest.hexdigest()


def replace_text(path: Path, text: str) -> None:
    """Replace a file's text in one step: a reader sees the old text or the new, never a part."""
    replace_file(path, text.encode())


def replace_file(path: Path, data: bytes) -> None:
    """Replace a file in one step: a reader, and a kill, sees the old bytes or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _staged(path) as staged:
        write_durably(staged, data)


@contextmanager
def _staged(path: Path) -> Iterator[Path]:
    """A file beside `path` to write, that then takes its place; gone when the writing fails."""
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.[0-9]*"):
        if not _is_alive(leftover.suffix[1:]):
            leftover.unlink(missing_ok=True)
    try:
        yield staged
        staged.replace(path)
    except BaseException:
        with suppress(OSError):  # what failed first is what is told
            staged.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def is_leftover(path: Path) -> bool:
    """Whether a file or folder is what a process that is gone left half written."""
    found = re.fullmatch(rf"\..+[.-]([0-9]+)(?:{re.escape(OLD)})?", path.name)
    return found is not None and not _is_alive(found[1])


def _is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ValueError, OverflowError, ProcessLookupError):
        return False
    except PermissionError:
        pass
    return True


def sync_folder(folder: Path) -> None:
    """Wait until the disk has the names in `folder`, where the system can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return  # Windows opens no folders
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


# ── sealed files: their checksum is in them ──────────────────────────────────────────────────────


def write_sealed(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Replace the file by what `write` puts into a binary file, with its checksum before it."""
    with _staged(path) as staged, opened(staged, "w+b") as file:
        file.write(_SEAL + b"0" * 64 + b"\n")
        write(file)
        file.seek(_HEADER)
        digest = _sha256_of(file)
        file.seek(len(_SEAL))
        file.write(digest.encode())
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def open_sealed(path: Path) -> Iterator[BinaryIO]:
    """Open a sealed file for reading, checked whole, positioned where its content begins.

    Raises DamagedFile when the content is not what was written, FileNotFoundError when there is none.
    """
    with opened(path, "rb") as file:
        header = file.read(_HEADER)
        if not header.startswith(_SEAL):
            raise DamagedFile(f"{path} was altered: it does not begin as cvlib writes it")
        if header != _SEAL + _sha256_of(file).encode() + b"\n":
            raise DamagedFile(f"{path} was altered: it does not match its checksum")
        file.seek(_HEADER)
        yield file


# ── notes: small JSON files that several processes change ────────────────────────────────────────


def sealed_json(content: dict[str, Any]) -> str:
    """`readable_json` of a mapping with its checksum among its keys, as "sha256"."""
    return readable_json({**content, "sha256": sha256_text(canonical_json(content))})


def read_note(path: Path) -> dict[str, Any]:
    """What `update_note` wrote; {} when there is no file.

    A file without a checksum, as older versions wrote them, is taken as it is. Raises DamagedFile.
    """
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text)
        sealed = content.pop("sha256", None)
        # without that key, one that holds the checksum of all others was it once
        altered = sealed is None and any(
            value == sha256_text(canonical_json({k: v for k, v in content.items() if k != key}))
            for key, value in content.items()
        )
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise DamagedFile(f"{path} cannot be read: {error}") from error
    if altered or (sealed is not None and text != sealed_json(content)):
        raise DamagedFile(f"{path} was altered: it does not match its checksum")
    return dict(content)


def update_note(
    path: Path,
    change: Callable[[dict[str, Any]], None],
    mend: Callable[[DamagedFile], dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Let `change` alter the note's mapping in place, while no other process does; returns it.

    mend: what to start from where the note is damaged; without it that raises DamagedFile.
    Nothing is written when nothing changed.
    """
    from filelock import FileLock  # here: who only reads needs no locks

    locks = path.parent / ".locks"  # which git ignores
    locks.mkdir(parents=True, exist_ok=True)
    with FileLock(locks / f"{path.name}.lock"):
        for left in path.parent.glob(f".{path.name}.[0-9]*"):  # by a kill: the lock is ours
            left.unlink()
        try:
            content = read_note(path)
            before = canonical_json(content)
        except DamagedFile as error:
            if mend is None:
                raise
            content, before = mend(error), ""
        change(content)
        if canonical_json(content) != before:
            replace_text(path, sealed_json(content))
    return content


# ── folders ──────────────────────────────────────────────────────────────────────────────────────


def replace_folder(staged: Path, target: Path) -> None:
    """Let a staged folder take `target`'s place without a gap, and delete what was there.

    The files of `staged` are to be durable already. Where the file system exchanges two names in
    one step (Linux and macOS, on local disks) a kill at any point leaves the old or the new. Where
    it does not, the old one stands aside as `<staged>.old` for the time of one rename, and
    `restore_folder` puts it back.
    """
    sync_folder(staged)
    target.parent.mkdir(parents=True, exist_ok=True)
    for _ in range(_TRIES):  # another process may put its own there, or take it away
        try:
            staged.rename(target)  # where nothing stands
            sync_folder(target.parent)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        with suppress(FileNotFoundError):
            if not _exchange(staged, target):
                old = staged.with_name(staged.name + OLD)
                target.rename(old)
                staged.rename(target)
                staged = old
            sync_folder(target.parent)
            shutil.rmtree(staged)
            return
    raise OSError(errno.EBUSY, "is replaced by others all the time", str(target))


def restore_folder(staged: Path, target: Path) -> None:
    """Undo what a kill within `replace_folder` left: the old folder is put back where none stands."""
    old = staged.with_name(staged.name + OLD)
    if old.exists() and not target.exists():
        old.rename(target)
    for leftover in (staged, old):
        shutil.rmtree(leftover, ignore_errors=True)


_AT_FDCWD, _RENAME_EXCHANGE, _RENAME_SWAP = -100, 2, 2


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one step; False where the system or the file system cannot."""
    libc = ctypes.CDLL(None, use_errno=True)
    a, b = os.fsencode(one), os.fsencode(other)
    if sys.platform == "linux" and hasattr(libc, "renameat2"):
        failed = libc.renameat2(_AT_FDCWD, a, _AT_FDCWD, b, ctypes.c_uint(_RENAME_EXCHANGE))
    elif sys.platform == "darwin":
        failed = libc.renamex_np(a, b, ctypes.c_uint(_RENAME_SWAP))
    else:
        return False
    if not failed:
        return True
    code = ctypes.get_errno()
    if code in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
        return False
    raise OSError(code, os.strerror(code), str(one), None, str(other))
