"""Which images of a source a spec uses, and in which split.

Stratified subsets and cuts are pure functions of labels and a seed, equal on every platform.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cvlib.data.arrays import DataError
from cvlib.data.sources import Listing
from cvlib.data.spec import DatasetSpec

DEFAULT_TEST_FRACTION = 0.2  # of data that come without a test split
# Each kind of cut has its own stream of random numbers, so that none depends on another.
STREAMS = {"subset": 0, "val": 1, "test": 2, "test_subset": 3}


class Part(NamedTuple):
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
        if empty := lacking(names, content.labels):
            raise DataError(
                f"{spec.name}: {split} has no image of {empty}. Add some, or remove the class "
                "everywhere."
            )


def lacking(class_names: Sequence[str], labels: np.ndarray) -> str:
    """Name the first classes that no label is of; empty where each has one."""
    counts = np.bincount(labels, minlength=len(class_names))
    empty = [repr(class_names[n]) for n in np.flatnonzero(counts == 0).tolist()]
    return ", ".join(empty[:5]) + " …" * (len(empty) > 5)


def stratified_order(labels: np.ndarray, seed: int, stream: str, first: int = 1) -> np.ndarray:
    """Return a permutation of positions whose every prefix is a stratified sample.

    labels: (N,) integers. Returns (N,) int64. The r-th of n shuffled images of a class (r from 0)
    stands at (r + 1/2) / n of the way, so that a prefix holds each class by its share, to within
    rounding; the `first` of each class come before all others. Prefixes are nested: a subset of
    1,000 is part of the subset of 2,000.
    """
    total = len(labels)
    # NumPy promises that the raw numbers of a bit generator and of SeedSequence never change
    # (NEP 19); it does not for Generator.permutation. A fingerprint must outlive a NumPy release.
    bits = np.random.PCG64(np.random.SeedSequence([seed, STREAMS[stream]]))
    draws = np.asarray(bits.random_raw(total), dtype=np.uint64)
    classes, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    tie_break = np.asarray(bits.random_raw(len(classes)), dtype=np.uint64)

    by_class = np.lexsort((draws, codes))  # class after class, shuffled within each
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
    rank = np.empty(total, dtype=np.int64)
    rank[by_class] = np.arange(total) - np.repeat(starts, counts)
    place = np.where(rank < first, rank - float(first), (rank + 0.5) / counts[codes])
    order: np.ndarray = np.lexsort((tie_break[codes], place))
    return order.astype(np.int64)


def take_subset(labels: np.ndarray, size: int, seed: int, stream: str, each: int = 1) -> np.ndarray:
    """Return the sorted positions of at most `size` images, each class by its share, at least once.

    Where there are not more images than `size`, all of them: a study keeps its sizes when it is
    given a smaller dataset. each: images of a class that are kept even where its share is less, if
    it has them and `size` allows it. Raises DataError if `size` is smaller than the number of
    classes.
    """
    if size >= len(labels):
        return np.arange(len(labels), dtype=np.int64)
    present = len(np.unique(labels))
    if size < present:
        raise DataError(
            f"{stream}: {size} is too small to hold an image of each of the {present} classes. "
            f"Set it to at least {present}."
        )
    chosen = stratified_order(labels, seed, stream)[:size]
    least = np.minimum(np.bincount(labels), each)
    # only where it is needed: with this order a subset is not part of a larger one
    if (np.bincount(labels[chosen], minlength=len(least)) < least).any() and least.sum() <= size:
        chosen = stratified_order(labels, seed, stream, first=each)[:size]
    return np.sort(chosen)


def cut(
    labels: np.ndarray, fraction: float, seed: int, stream: str, class_names: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Cut `fraction` off: return sorted positions (kept, cut off), every class in both.

    The part cut off has round(fraction * N) images, but at least one of each class. Raises
    DataError naming a class with too few images to be in both.
    """
    classes, counts = np.unique(labels, return_counts=True)
    size = max(round(fraction * len(labels)), len(classes))
    order = stratified_order(labels, seed, stream)
    kept, off = np.sort(order[size:]), np.sort(order[:size])
    left = np.isin(classes, labels[kept])
    if not left.all():
        rare = int(np.argmin(left))
        raise DataError(
            f"{stream}: the class {class_names[int(classes[rare])]!r} has {counts[rare]} "
            f"image{'s' if counts[rare] > 1 else ''}, too few to cut off a share of {fraction:g} "
            "and keep one. Add images, use a larger subset, or choose another fraction."
        )
    return kept, off
