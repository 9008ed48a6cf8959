"""Which images of a source a spec uses, and in which split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cvlib.data.errors import DataError
from cvlib.data.sources.base import Listing
from cvlib.data.spec import DatasetSpec
from cvlib.data.splits import cut, take_subset

DEFAULT_TEST_FRACTION = 0.2  # of data that come without a test split


@dataclass(frozen=True)
class Part:
    """One split of a run: the images at positions `ids` of the source's split `source`."""

    source: str
    ids: np.ndarray


def select(listing: Listing, spec: DatasetSpec) -> dict[str, Part]:
    """Return the parts "train", "val" and "test", positions sorted.

    In this order: test is cut from train where the source has none; at most `subset` and
    `test_subset` images are taken; val is cut from what train has left, unless the source has a
    val split, which is then used whole. Raises DataError if the labels do not allow it.
    """
    _check_classes(listing, spec)
    names, seed = listing.class_names, spec.split_seed
    labels = listing.splits["train"].labels
    train = np.arange(len(labels))

    if "test" in listing.splits:
        if spec.test_fraction is not None:
            raise DataError(
                f"{spec.name} has its own test split, so test_fraction ({spec.test_fraction:g}) "
                "would not be used. Leave it out."
            )
        test_source, test_labels = "test", listing.splits["test"].labels
        test = np.arange(len(test_labels))
    else:
        fraction = DEFAULT_TEST_FRACTION if spec.test_fraction is None else spec.test_fraction
        train, test = cut(labels, fraction, seed, "test", names)
        test_source, test_labels = "train", labels

    if spec.subset is not None:
        # a rare class needs two images in train, for one of them to be cut off as val
        each = 1 if "val" in listing.splits else 2
        train = train[take_subset(labels[train], spec.subset, seed, "subset", each)]
    if spec.test_subset is not None:
        test = test[take_subset(test_labels[test], spec.test_subset, seed, "test_subset")]

    if "val" in listing.splits:
        val = Part("val", np.arange(len(listing.splits["val"].labels)))
    else:
        kept, off = cut(labels[train], spec.val_fraction, seed, "val", names)
        val, train = Part("train", train[off]), train[kept]
    return {"train": Part("train", train), "val": val, "test": Part(test_source, test)}


def _check_classes(listing: Listing, spec: DatasetSpec) -> None:
    names = listing.class_names
    if len(names) < 2:
        raise DataError(f"{spec.name} has only one class ({', '.join(names)}): nothing to classify")
    for split, content in listing.splits.items():
        counts = np.bincount(content.labels, minlength=len(names))
        empty = [names[n] for n in np.flatnonzero(counts == 0)]
        if empty:
            raise DataError(
                f"{spec.name}: {split} has no image of {', '.join(map(repr, empty[:5]))}"
                f"{' …' if len(empty) > 5 else ''}. Add some, or remove the class everywhere."
            )
