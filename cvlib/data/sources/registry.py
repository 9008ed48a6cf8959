"""The source of each dataset name."""

from __future__ import annotations

from pathlib import Path

from cvlib.data.sources.base import Source
from cvlib.data.sources.cifar import CIFAR
from cvlib.data.sources.digits import Digits
from cvlib.data.sources.dtd import DTD
from cvlib.data.sources.fashion_mnist import FashionMNIST
from cvlib.data.sources.imagefolder import ImageFolder
from cvlib.data.sources.parquet import Parquet

SOURCES: dict[str, type[Source]] = {
    "fashion_mnist": FashionMNIST,
    "cifar10": CIFAR,
    "cifar100": CIFAR,
    "digits": Digits,
    "dtd": DTD,
    "imagefolder": ImageFolder,
    "parquet": Parquet,
}


def open_source(name: str, root: Path) -> Source:
    """Return the source of a dataset `name` (`DatasetSpec.name`); root: the data folder."""
    return SOURCES[name.partition(":")[0]](name, root)
