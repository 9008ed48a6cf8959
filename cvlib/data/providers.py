"""Getting a dataset: what is on disk first, then each provider in its order.

Providers fetch a file by its address, checked and complete or absent, or files out of a Debian
package, without root and without installing it.
"""

from __future__ import annotations

import logging
import shutil
import subprocess
import tarfile
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from cvlib.data.arrays import DataUnavailable
from cvlib.data.notes import file_digest
from cvlib.errors import CvlibError
from cvlib.files import opened

if TYPE_CHECKING:
    from cvlib.data.sources import Source

_log = logging.getLogger(__name__)

ANSWER_SECONDS = 20  # without an answer; a slow download may take as long as it needs
PACKAGE_SECONDS = 600


class ChecksumMismatch(CvlibError, ValueError):
    """A file's bytes are not the ones that were published."""


class DebianFailed(CvlibError, RuntimeError):
    """The package could not be fetched or unpacked; the message is the tool's own last words."""


def ensure_local(source: Source) -> None:
    """Fetch `source` if it is not on disk. Raises DataUnavailable with every attempt's failure."""
    if not source.missing():
        return
    locks = source.root / ".cache" / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    # A second process waits here and then finds the data in place.
    with FileLock(locks / f"fetch-{type(source).__name__}.lock"):
        if not (missing := source.missing()):
            return
        tried = [f"on disk: not there: {', '.join(missing)}"]
        for label, fetch in source.providers.items():
            _log.info("fetching %s: %s", source.name, label)
            try:
                fetch()
            except Exception as error:  # whatever a download can raise is one failed attempt
                tried.append(f"{label}: {type(error).__name__}: {error}")
                continue
            if not (missing := source.missing()):
                return
            tried.append(f"{label}: finished, but these are missing: {', '.join(missing)}")
    lines = [f"  {n}. {attempt}" for n, attempt in enumerate(tried, start=1)]
    message = [f"{source.name} cannot be had. Tried:", *lines, f"By hand: {source.by_hand}"]
    raise DataUnavailable("\n".join(message))


def download(url: str, target: Path, md5: str) -> None:
    """Download `url` to `target`, in a folder that goes where it is not whole or its MD5 is wrong.

    Raises OSError (urllib's URLError is one) if it cannot be had, ChecksumMismatch if it differs.
    """
    with (
        urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as response,
        opened(target, "wb") as file,
    ):
        shutil.copyfileobj(response, file, 1 << 20)
    if (found := file_digest(target, "md5")) != md5:
        raise ChecksumMismatch(f"{target.name}: expected MD5 {md5}, downloaded {found}")


def unpack(archive: Path, folder: Path) -> None:
    """Unpack the plain files of a tar archive into `folder`; links and outside paths are refused."""
    home = folder.resolve()
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isdir():
                continue
            target = (home / member.name).resolve()
            if home not in target.parents or not member.isfile():
                raise ValueError(
                    f"{archive.name} holds {member.name!r}, which is no plain file in it"
                )
            target.parent.mkdir(parents=True, exist_ok=True)
            content = tar.extractfile(member)
            assert content is not None  # it is a plain file
            with content, opened(target, "wb") as file:
                shutil.copyfileobj(content, file)


def unpack_package(package: str, folder: Path) -> Path:
    """Fetch `package` with apt-get and unpack it under `folder`; return where its `/` is now.

    Uses the machine's package lists; where it has none (slim containers), it fetches lists into
    `folder`. Nothing outside `folder` is written. Raises DebianFailed.
    """
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise DebianFailed(f"{tool} is not on this machine")
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    try:
        _run(["apt-get", "download", package], folder)
    except DebianFailed:
        home = folder.resolve()
        private = [
            *("-o", f"Dir::State::lists={home / 'lists'}"),
            *("-o", f"Dir::Cache={home / 'cache'}"),
            # Without root there is no user to change to; with root, that user cannot write here.
            *("-o", "APT::Sandbox::User="),
        ]
        _run(["apt-get", *private, "update"], folder)
        _run(["apt-get", *private, "download", package], folder)
    found = sorted(folder.glob(f"{package}_*.deb"))
    if not found:
        raise DebianFailed(f"apt-get download {package} succeeded but left no .deb")
    _run(["dpkg-deb", "-x", found[0].name, "unpacked"], folder)
    return folder / "unpacked"


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PACKAGE_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DebianFailed(f"{command[0]}: {error}") from error
    if done.returncode != 0:
        words = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        errors = [line for line in words if line.startswith("E:")] or words[-1:]
        raise DebianFailed(f"{' '.join(command[:2])} …: {'; '.join(errors[:3]) or 'no message'}")
