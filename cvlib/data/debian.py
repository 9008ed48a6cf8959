"""Files out of a Debian package, without root and without installing it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from cvlib.errors import CvlibError

TIMEOUT_SECONDS = 600


class DebianFailed(CvlibError, RuntimeError):
    """The package could not be fetched or unpacked; the message is the tool's own last words."""


def unpack_package(package: str, folder: Path) -> Path:
    """Fetch `package` with apt-get and unpack it under `folder`; return where its `/` is now.

    Uses the machine's package lists; where it has none (slim containers), it fetches lists into
    `folder`. Nothing outside `folder` is written. Raises DebianFailed.
    """
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise DebianFailed(f"{tool} is not on this machine")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        _run(["apt-get", "download", package], folder)
    except DebianFailed:
        private = _private_lists(folder)
        _run(["apt-get", *private, "update"], folder)
        _run(["apt-get", *private, "download", package], folder)
    found = sorted(folder.glob(f"{package}_*.deb"))
    if not found:
        raise DebianFailed(f"apt-get download {package} succeeded but left no .deb")
    _run(["dpkg-deb", "-x", found[0].name, "unpacked"], folder)
    return folder / "unpacked"


def _private_lists(folder: Path) -> list[str]:
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    home = folder.resolve()
    return [
        *("-o", f"Dir::State::lists={home / 'lists'}"),
        *("-o", f"Dir::Cache={home / 'cache'}"),
        # Without root there is no user to change to; with root, that user cannot write here.
        *("-o", "APT::Sandbox::User="),
    ]


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DebianFailed(f"{command[0]}: {error}") from error
    if done.returncode != 0:
        words = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        errors = [line for line in words if line.startswith("E:")] or words[-1:]
        raise DebianFailed(f"{' '.join(command[:2])} …: {'; '.join(errors[:3]) or 'no message'}")
