"""Fetching a file by its address, checked and complete or absent."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import urllib.request
from pathlib import Path

from cvlib.errors import CvlibError

TIMEOUT_SECONDS = 20  # without an answer; a slow download may take as long as it needs


class ChecksumMismatch(CvlibError, ValueError):
    """A file's bytes are not the ones that were published."""


def file_digest(path: Path, algorithm: str) -> str:
    """Return the hex digest of a file; algorithm: "md5" or "sha256"."""
    # MD5 guards against damage here, not against forgery; FIPS builds want to be told.
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def download(url: str, target: Path, md5: str) -> None:
    """Download `url` to `target`, which appears only when it is whole and its MD5 is right.

    Raises OSError (urllib's URLError is one) if it cannot be had, ChecksumMismatch if it differs.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    try:
        with (
            urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response,
            part.open("wb") as file,
        ):
            shutil.copyfileobj(response, file, 1 << 20)
        found = file_digest(part, "md5")
        if found != md5:
            raise ChecksumMismatch(f"{target.name}: expected MD5 {md5}, downloaded {found}")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack the plain files of a tar archive into `folder`; links and outside paths are refused."""
    home = folder.resolve()
    with tarfile.open(archive) as tar:
        for member in tar:
            target = (home / member.name).resolve()
            if home not in target.parents or not member.isfile():
                if member.isdir():
                    continue
                raise ValueError(
                    f"{archive.name} holds {member.name!r}, which is no plain file in it"
                )
            target.parent.mkdir(parents=True, exist_ok=True)
            content = tar.extractfile(member)
            assert content is not None  # it is a plain file
            with content, target.open("wb") as file:
                shutil.copyfileobj(content, file)
