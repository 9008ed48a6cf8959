"""Where a run was made: package versions and the project's git commit. Imports none of the packages."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# Packages whose version can change the numbers of a run.
PACKAGES = ("torch", "torchvision", "timm", "numpy", "pillow", "scikit-learn", "opentsne")
# The one whose change makes a run stale: its kernels do the arithmetic.
CUE = "torch"


def package_versions() -> dict[str, str]:
    """Python's and the packages' versions, without local build tags (`2.11.0`, not `2.11.0+cu130`)."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name).split("+")[0]
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def processor_name() -> str:
    """The processor's model, such as `AMD EPYC`; the architecture where it cannot be read."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def git_commit(root: Path) -> str | None:
    """The checked-out commit, with `+changes` where cvlib's files differ from it; None without git."""
    try:
        commit = _git(root, "rev-parse", "--short=12", "HEAD")
        changed = _git(root, "status", "--porcelain", "--", "cvlib")
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit + ("+changes" if changed else "")


def _git(root: Path, *words: str) -> str:
    return subprocess.run(
        ["git", "-C", str(root), *words], capture_output=True, text=True, check=True
    ).stdout.strip()
