"""Which labels are probably wrong, by confident learning.

An image counts as truly of class j when its probability of j is at least that of the average image
labelled j; counting those by their label estimates how often class i is mislabelled as which.
Source: Northcutt, Jiang and Chuang, "Confident learning: estimating uncertainty in dataset labels",
JAIR 70, 2021, equations 1 to 3. The probabilities must come from a model that was not fitted to
these labels, as those of test images do.

What is found is a disagreement between label and model: a model that is wrong with certainty looks
the same. Only a person who looks at the images can tell how many are label errors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# a class whose images all have one probability reaches its own mean, give or take rounding
TOLERANCE = 1e-6


@dataclass(frozen=True)
class LabelErrors:
    """Probable label errors, the most probable first.

    rows: (K,) int64, positions in what was given; suggested: (K,) int64, the class it seems to be;
    score: (K,) p(suggested) - p(label), in -1..1; joint: (C, C), share of all images by label (row)
    and estimated true class (column), so that 1 - its trace is the estimated share of errors.
    """

    rows: np.ndarray
    suggested: np.ndarray
    score: np.ndarray
    joint: np.ndarray


def probable_label_errors(probabilities: np.ndarray, labels: np.ndarray) -> LabelErrors:
    """Images that count as another class than their label's and are predicted as another.

    probabilities: (N, C), rows summing to 1; labels: (N,) class indices.
    Equally probable ones keep their order. Raises ValueError when these are not probabilities.
    """
    probabilities, labels = _checked(probabilities, labels)
    classes = probabilities.shape[1]
    support = np.bincount(labels, minlength=classes)
    own = np.bincount(labels, probabilities[np.arange(len(labels)), labels], minlength=classes)
    # equation 2: t_j = mean of p_j over the images labelled j; none of them, none suggested
    thresholds = np.full(classes, np.inf)
    np.divide(own, support, out=thresholds, where=support > 0)
    thresholds = np.maximum(thresholds, 2 * TOLERANCE)
    # equation 1: the class of those above their threshold that is most probable
    above = probabilities >= thresholds - TOLERANCE
    confident = above.any(axis=1)
    counted_as = np.where(above, probabilities, -1.0).argmax(axis=1)

    doubtful = confident & (counted_as != labels) & (probabilities.argmax(axis=1) != labels)
    rows = np.flatnonzero(doubtful)
    score = probabilities[rows, counted_as[rows]] - probabilities[rows, labels[rows]]
    order = np.argsort(-score, kind="stable")
    joint = _joint(labels[confident], counted_as[confident], support)
    return LabelErrors(rows[order], counted_as[rows[order]], score[order], joint)


def _joint(labels: np.ndarray, counted_as: np.ndarray, support: np.ndarray) -> np.ndarray:
    """Share of images by label and true class, (C, C), from the confident ones."""
    classes = len(support)
    counts = np.bincount(labels * classes + counted_as, minlength=classes**2).astype(float)
    counts = counts.reshape(classes, classes)
    # a class nobody is confident of has no error rate of its own: it is taken as right
    np.fill_diagonal(counts, np.maximum(counts.diagonal(), 1))
    # equation 3: each label keeps its share of all images
    shares = support / support.sum()
    return counts / counts.sum(axis=1, keepdims=True) * shares[:, None]


def _checked(probabilities: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    probabilities, labels = np.asarray(probabilities, dtype=np.float64), np.asarray(labels)
    if probabilities.ndim != 2 or labels.shape != (len(probabilities),) or not labels.size:
        raise ValueError(
            f"probabilities {probabilities.shape} and labels {labels.shape}: expected (N, C), (N,)"
        )
    sums = probabilities.sum(axis=1)
    if not (np.abs(sums - 1) < 1e-3).all() or probabilities.min() < 0:
        raise ValueError(
            f"probabilities: rows sum to {sums.min():.3g}..{sums.max():.3g}, expected 1; "
            "logits go through `scores.softmax` first"
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels: expected class indices, got {labels.dtype}")
    classes = probabilities.shape[1]
    if not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(f"labels: {labels.min()}..{labels.max()}, expected 0..{classes - 1}")
    return probabilities, labels.astype(np.int64)
