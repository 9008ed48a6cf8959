"""How well classes lie apart in a feature space, in numbers instead of by eye."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cvlib.analysis.intervals import Interval, bootstrap_interval

NEIGHBOURS = 10
_BLOCK = 2_000  # rows of similarities at a time: 2,000 × 10,000 float32 are 80 MB


@dataclass(frozen=True)
class Overlap:
    """A pair of classes. share: mean of the share of a's neighbours in b, and of b's in a."""

    a: str
    b: str
    share: float


@dataclass(frozen=True)
class Separability:
    """Cosine distances throughout; intervals are 95%, by bootstrap over the images.

    silhouette: -1..1, mean over images; 0: as near to another class as to the own
    purity: share of an image's nearest images that are of its class, mean over images; labels
        dealt at random have the chance of two images to be of one class
    overlaps: every pair of classes with a neighbour in common, the worst first
    """

    silhouette: Interval
    purity: Interval
    overlaps: tuple[Overlap, ...]


def separability(
    features: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
    *,
    neighbours: int = NEIGHBOURS,
    seed: int = 0,
) -> Separability:
    """Measure how well the classes lie apart.

    features: (N, D); labels: (N,) positions in class_names. Where there are not more than
    `neighbours` images, all others are an image's neighbours. seed: of the bootstrap, in which an
    image's own score stays what it is among all images.
    Raises ValueError for fewer than two classes among the labels, or features that do not fit.
    """
    unit, labels = _checked(features, labels, class_names)
    near = min(neighbours, len(labels) - 1)
    shares = _neighbour_shares(unit, labels, len(class_names), near)
    own = shares[np.arange(len(labels)), labels]
    return Separability(
        silhouette=_mean(silhouettes(unit, labels), seed),
        purity=_mean(own, seed),
        overlaps=_overlaps(shares, labels, class_names),
    )


def silhouettes(unit: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Silhouette of each image by cosine distance, 0 for the only image of a class.

    unit: (N, D), rows of length 1 (a row may be all zero). s = (b - a) / max(a, b), where a is
    the mean distance to the rest of the own class and b to the nearest other class.
    Source: Rousseeuw, J. Comput. Appl. Math. 20, 1987. The mean cosine distance to a class is 1
    minus the product with the class's mean, so that no table of all distances is needed.
    """
    present, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    unit = np.asarray(unit, dtype=np.float64)
    sums = np.zeros((len(present), unit.shape[1]))
    np.add.at(sums, codes, unit)
    totals = counts - unit @ sums.T  # (N, C): summed distance to each class
    row = np.arange(len(labels))
    size = counts[codes]
    # the own class's sum holds the image's distance to itself: 1 - 1, or 1 for an all-zero row
    to_self = 1 - (unit * unit).sum(axis=1)
    inside = (totals[row, codes] - to_self) / np.maximum(size - 1, 1)
    outside = totals / counts
    outside[row, codes] = np.inf
    nearest = outside.min(axis=1)
    # classes of one direction each are at distance 0 but for rounding
    larger = np.maximum(np.maximum(inside, nearest), 1e-12)
    scores: np.ndarray = np.where(size > 1, (nearest - inside) / larger, 0.0)
    return scores


def _neighbour_shares(unit: np.ndarray, labels: np.ndarray, classes: int, near: int) -> np.ndarray:
    """Return (N, classes): of an image's `near` most similar others, the share in each class."""
    counts = np.zeros((len(unit), classes), dtype=np.int64)
    for first in range(0, len(unit), _BLOCK):
        rows = np.arange(first, min(first + _BLOCK, len(unit)))
        similar = unit[rows] @ unit.T
        similar[np.arange(len(rows)), rows] = -np.inf  # no image is its own neighbour
        nearest = np.argpartition(-similar, near - 1, axis=1)[:, :near]
        np.add.at(counts, (rows[:, None], labels[nearest]), 1)
    shares: np.ndarray = counts / near
    return shares


def _overlaps(
    shares: np.ndarray, labels: np.ndarray, class_names: Sequence[str]
) -> tuple[Overlap, ...]:
    present = np.unique(labels)
    directed = {a: shares[labels == a].mean(axis=0) for a in present.tolist()}
    pairs = [
        Overlap(class_names[a], class_names[b], float((directed[a][b] + directed[b][a]) / 2))
        for a in directed
        for b in directed
        if a < b
    ]
    # equal shares keep the order of the classes
    return tuple(sorted((p for p in pairs if p.share > 0), key=lambda pair: -pair.share))


def _mean(scores: np.ndarray, seed: int) -> Interval:
    return bootstrap_interval(scores, lambda rows: float(rows.mean()), seed=seed, resamples=1_000)


def _checked(
    features: np.ndarray, labels: np.ndarray, class_names: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    features, labels = np.asarray(features, dtype=np.float32), np.asarray(labels, dtype=np.int64)
    if features.ndim != 2 or labels.shape != features.shape[:1]:
        raise ValueError(
            f"features {features.shape} and labels {labels.shape}: expected (N, D) and (N,)"
        )
    if not np.isfinite(features).all():
        raise ValueError("features hold values that are not finite")
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(class_names):
        raise ValueError(
            f"labels from {labels.min()} to {labels.max()} do not fit {len(class_names)} class names"
        )
    if len(np.unique(labels)) < 2:
        raise ValueError("separability needs images of at least two classes")
    length = np.linalg.norm(features, axis=1, keepdims=True)
    return features / np.where(length > 0, length, 1), labels
