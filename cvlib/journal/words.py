"""Names as a report writes them."""

from __future__ import annotations

import re
from collections.abc import Sequence

_DATASETS = {
    "fashion_mnist": "Fashion-MNIST",
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "digits": "the digits of scikit-learn",
    "dtd": "DTD",
}
# This copy of CIFAR-10 was compressed again; its numbers are not those of the original.
_PARQUET = {"cifar10-jpeg": "CIFAR-10 (JPEG q75)"}


def dataset_words(name: str) -> str:
    """A dataset's name in prose: `Fashion-MNIST`, `the images in flowers`."""
    _kind, _, path = name.partition(":")
    if not path:
        return _DATASETS.get(name, name)
    folder = re.split(r"[\\/]", path.rstrip("\\/"))[-1]
    return _PARQUET.get(folder, f"the images in {folder}")


def listed(names: list[str], most: int = 6) -> str:
    """`a, b and c`; from more than `most` the rest is counted.

    Names that hold commas themselves are set apart by semicolons.
    """
    comma = "; " if any("," in name for name in names) else ", "
    if len(names) > most:
        return f"{comma.join(names[:most])} and {len(names) - most} more"
    last = "; and " if comma == "; " else " and "
    return last.join([comma.join(names[:-1]), names[-1]] if len(names) > 1 else names)


def ranged(numbers: Sequence[int], noun: str) -> str:
    """`3 seeds`, or `2–3 seeds` where they differ."""
    low, high = min(numbers), max(numbers)
    return counted(low, noun) if low == high else f"{low:,}–{high:,} {noun}s"


def counted(number: int, noun: str) -> str:
    """`1 run`, `30 runs`, `6,000 images`."""
    return f"{number:,} {noun}{'s' * (number != 1)}"
