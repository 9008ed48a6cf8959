"""Images in memory, as plain numpy arrays, and what can be wrong with them. Loads no numpy."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cvlib.errors import CvlibError

if TYPE_CHECKING:
    import numpy as np


class DataError(CvlibError, ValueError):
    """The data are there but cannot be used as the spec asks; the message says what to change."""


class DataUnavailable(CvlibError, RuntimeError):
    """The data are not here and could not be fetched; the message lists what was tried."""


class Undecodable(Exception):
    """An image that cannot be used, raised or in the place of its bytes; the message is why."""


def check_name(name: str, what: str) -> None:
    """Raise DataError for a name that no table, figure or terminal can show.

    Not UTF-8 (Python has such bytes as lone surrogates), control characters, line separators.
    """
    if not name.strip() or any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in name):
        bad = "is empty" if not name.strip() else "is not UTF-8 or holds control characters"
        raise DataError(f"the {what} {name!r} {bad}: rename it")


@dataclass(frozen=True)
class Split:
    """Images with their labels, in the order of the source.

    images: (N, H, W, C) uint8, C is 1 (grey) or 3 (RGB)
    labels: (N,) int64, positions in `ImageData.class_names`
    ids:    (N,) int64, positions in the split of the source that the images come from
    names:  N names, `test/17` or a file's path relative to its dataset
    """

    images: np.ndarray
    labels: np.ndarray
    ids: np.ndarray
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class UnreadableImage:
    """An image that was left out, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class ImageData:
    """A dataset as it is trained on: three splits, class names, and what was left out.

    equal_pictures: how many pictures of test are in train or val, too, byte for byte
    (`test_in_train`), and how many are in another class, too (`in_two_classes`); {} where none.
    decoded: whether Pillow made the pixels.
    """

    train: Split
    val: Split
    test: Split
    class_names: tuple[str, ...]
    fingerprint: str
    unreadable: tuple[UnreadableImage, ...]
    equal_pictures: dict[str, int] = field(default_factory=dict)
    decoded: bool = False
