"""What every source of images offers: its files, its splits, and where to fetch it.

A source is opened by its dataset's name. Sources import numpy when they read images: whether a
fingerprint is known is told without it.
"""

from __future__ import annotations

import errno
import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cvlib.data.arrays import DataError, Undecodable, check_name

if TYPE_CHECKING:
    import numpy as np

# What is wrong with the machine and not with the file: never a reason to go on without it.
PASSING = (errno.EIO, errno.ESTALE, errno.ENOMEM, errno.EMFILE, errno.ENFILE)
MAX_FILE_BYTES = 1 << 30  # of one picture: no format needs as much for what is decoded at most


class Items(Protocol):
    """The images of a split, not decoded."""

    def read(self, ids: np.ndarray) -> Iterator[bytes | memoryview | Undecodable]:
        """Yield the source bytes of the images at positions `ids`, in that order."""
        ...


@dataclass(frozen=True)
class PixelItems:
    """Images that are stored as plain pixels. images: (N, H, W, C) uint8."""

    images: np.ndarray

    def read(self, ids: np.ndarray) -> Iterator[bytes | memoryview | Undecodable]:
        """Yield each image's pixels, row by row, as bytes."""
        flat = self.images.reshape(len(self.images), -1)
        for position in ids.tolist():
            yield flat[position].data


@dataclass(frozen=True)
class FileItems:
    """Images that are stored as one encoded file each."""

    paths: Sequence[Path]

    def read(self, ids: np.ndarray) -> Iterator[bytes | memoryview | Undecodable]:
        """Yield each file's bytes."""
        for position in ids.tolist():
            path = self.paths[position]
            try:
                status = path.stat()
                if not stat.S_ISREG(status.st_mode):
                    yield Undecodable("cannot be read: no plain file")
                elif status.st_size > MAX_FILE_BYTES:
                    yield Undecodable(f"{status.st_size / 1e9:.1f} GB is too large for a picture")
                else:
                    yield path.read_bytes()
            except OSError as error:
                if error.errno in PASSING:
                    raise
                yield Undecodable(f"cannot be read: {error.strerror or error}")


@dataclass(frozen=True)
class SourceSplit:
    """One split as the source has it. labels: (N,) int64; names: N names; items: the images."""

    labels: np.ndarray
    names: Sequence[str]
    items: Items


@dataclass(frozen=True)
class Listing:
    """Everything a source knows without decoding an image. Raises DataError for a bad class name.

    splits:  "train", and "val" and "test" where the source has them
    ignored: (name, reason) of files that are no images of this dataset
    """

    class_names: tuple[str, ...]
    splits: dict[str, SourceSplit]
    ignored: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        for name in self.class_names:
            check_name(name, "class name")


class Source(ABC):
    """A dataset on disk. root: the project's data folder.

    by_hand: what a person can do to put the data in place. providers: ways to fetch the data by
    their label, the first choice first; each puts them in place, or raises whatever went wrong.
    """

    by_hand: str

    def __init__(self, name: str, root: Path) -> None:
        self.name, self.root = name, root
        self.providers: dict[str, Callable[[], None]] = {}

    def missing(self) -> list[str]:
        """Return what is not on disk, in words; an empty list means that all is there."""
        return [os.path.relpath(path, self.root) for path in self.files() if not path.is_file()]

    @abstractmethod
    def files(self) -> list[Path]:
        """Return the files that the images, labels and class names are read from."""

    @abstractmethod
    def listing(self) -> Listing:
        """Read labels and names. Raises DataError if they cannot be used."""

    def verify(self) -> None:  # noqa: B027 (most sources have no published checksums)
        """Compare files with known checksums. Raises DataError naming each one that differs."""


# Kind of dataset -> module below cvlib.data.sources, and its class.
_SOURCES = {
    "fashion_mnist": ("published", "FashionMNIST"),
    "cifar10": ("published", "CIFAR"),
    "cifar100": ("published", "CIFAR"),
    "digits": ("published", "Digits"),
    "dtd": ("published", "DTD"),
    "imagefolder": ("imagefolder", "ImageFolder"),
    "parquet": ("parquet", "Parquet"),
}


def open_source(name: str, root: Path) -> Source:
    """Return the source of a dataset `name` (`DatasetSpec.name`); root: the data folder."""
    module, kind = _SOURCES[name.partition(":")[0]]
    found: type[Source] = getattr(import_module(f"{__name__}.{module}"), kind)
    return found(name, root)


# What people call the split folders and files of their own data, in lower case.
SPLIT_WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}


def dataset_path(name: str, root: Path) -> Path:
    """Return the PATH of `kind:PATH`: `~` expanded, relative to the project (the parent of `root`).

    Raises DataError for a path that the system does not take.
    """
    try:
        path = root.absolute().parent / Path(name.partition(":")[2].strip()).expanduser()
        path.exists()
    except (OSError, RuntimeError) as error:  # too long, not to be reached, ~ of nobody
        raise DataError(f"{name[:200]}: {getattr(error, 'strerror', None) or error}") from None
    return path
