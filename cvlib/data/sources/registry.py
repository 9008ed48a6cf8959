"""The source of each dataset name."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from cvlib.data.sources.base import Source

# Kind of dataset -> module below cvlib.data.sources, and its class.
SOURCES: dict[str, tuple[str, str]] = {
    "fashion_mnist": ("fashion_mnist", "FashionMNIST"),
    "cifar10": ("cifar", "CIFAR"),
    "cifar100": ("cifar", "CIFAR"),
    "digits": ("digits", "Digits"),
    "dtd": ("dtd", "DTD"),
    "imagefolder": ("imagefolder", "ImageFolder"),
    "parquet": ("parquet", "Parquet"),
}


def open_source(name: str, root: Path) -> Source:
    """Return the source of a dataset `name` (`DatasetSpec.name`); root: the data folder."""
    module, kind = SOURCES[name.partition(":")[0]]
    found: type[Source] = getattr(import_module(f"cvlib.data.sources.{module}"), kind)
    return found(name, root)
