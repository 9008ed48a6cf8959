"""Which mistakes are made: classes taken for others, images that several models fail on, a sample.

The image is the unit. Over several seeds every count is the mean of the seeds' counts, and the
intervals are Wilson's with the number of images, not of image-seed pairs. An image's share of
seeds lies in 0..1, so its variance is at most p(1 - p): the intervals are wide enough whether or
not the seeds agree. They say how far another test set might differ, each one on its own.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from cvlib.analysis.intervals import Interval, wilson_interval


@dataclass(frozen=True)
class ClassScore:
    """Precision, recall and F1 of one class, as shares; support: its images.

    The estimate is NaN, between 0 and 1, where there is nothing to count: the precision of a class
    never predicted, the recall of a class without images.
    """

    precision: Interval
    recall: Interval
    f1: Interval
    support: int


@dataclass(frozen=True)
class ConfusedPair:
    """Images of class `true` that are predicted as `predicted`.

    images: their number, mean over seeds; support: images of class `true`; share: images/support.
    """

    true: int
    predicted: int
    images: float
    support: int
    share: Interval


@dataclass(frozen=True)
class Agreement:
    """Agreement of M models on N images; models may be seeds of one variant.

    correct: (M, N) bool; right: (N,) int64, models that are right; all_wrong: rows of the images
    that none gets right, int64; kappa: of every two models a < b (rows), 1 when they fail on the
    same images, 0 when as independent ones would, negative when on others; NaN where both are
    always right or always wrong.
    """

    correct: np.ndarray
    right: np.ndarray
    all_wrong: np.ndarray
    kappa: dict[tuple[int, int], float]

    def only(self, model: int) -> np.ndarray:
        """Rows of the images that this model alone gets right, (K,) int64."""
        return np.flatnonzero(self.correct[model] & (self.right == 1))


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Images of each true class (row) by predicted class (column), (C, C) float64.

    labels: (N,) and predicted: (S, N) or (N,) class indices below `classes`; mean over the S seeds.
    """
    predicted = np.atleast_2d(predicted)
    cells = np.bincount((labels * classes + predicted).ravel(), minlength=classes**2)
    return cells.reshape(classes, classes) / len(predicted)


def class_scores(labels: np.ndarray, predicted: np.ndarray, classes: int) -> list[ClassScore]:
    """Precision, recall and F1 of each class, in the classes' order, with 95% intervals.

    Arguments as in `confusion_matrix`. Recall is a share of the class' images, precision of the
    images predicted as it. F1 = 2J / (1 + J), where J is the share of the right ones among the
    images that either are or are called the class; J's Wilson interval is carried over.
    Source: Lam, Gopal and Qian, "Confidence intervals for the F1 score: a comparison of four
    methods", arXiv:2309.14621, 2023, the indirect Wilson method.
    """
    matrix = confusion_matrix(labels, predicted, classes)
    scores = []
    for right, support, called in zip(
        matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0), strict=True
    ):
        jaccard = _share(right, support + called - right)
        f1 = Interval(*(2 * j / (1 + j) for j in (jaccard.estimate, jaccard.low, jaccard.high)))
        scores.append(ClassScore(_share(right, called), _share(right, support), f1, round(support)))
    return scores


def confused_pairs(labels: np.ndarray, predicted: np.ndarray, classes: int) -> list[ConfusedPair]:
    """Every pair of classes that is confused at all, most images first.

    Arguments as in `confusion_matrix`. Each direction is a pair of its own; pairs with equally
    many images come in the classes' order.
    """
    matrix = confusion_matrix(labels, predicted, classes)
    support = matrix.sum(axis=1)
    np.fill_diagonal(matrix, 0.0)
    order = np.argsort(-matrix, axis=None, kind="stable")
    return [
        ConfusedPair(
            true=true,
            predicted=called,
            images=float(matrix[true, called]),
            support=round(support[true]),
            share=_share(matrix[true, called], support[true]),
        )
        for true, called in (divmod(cell, classes) for cell in order.tolist())
        if matrix[true, called] > 0
    ]


def _share(part: float, whole: float) -> Interval:
    """Wilson's interval of part / whole, both means over seeds and so perhaps fractions."""
    if whole < 1:  # less than one image: nothing is known
        return Interval(float(part / whole) if whole else float("nan"), 0.0, 1.0)
    # sums over seeds in another order may leave part above whole by an ulp
    return wilson_interval(float(min(part, whole)), float(whole))


def agreement(correct: np.ndarray) -> Agreement:
    """Compare what models get right.

    correct: (M, N) bool, all on the same images in the same order. Error consistency of two models
    with accuracies p and q is Cohen's kappa of being right: kappa = (c_obs - c_exp) / (1 - c_exp),
    c_exp = p q + (1 - p)(1 - q).
    Source: Geirhos, Meding and Wichmann, "Beyond accuracy: quantifying trial-by-trial behaviour of
    CNNs and humans by measuring error consistency", NeurIPS 2020, equations 1 to 3.
    """
    kappa = {}
    for a, b in itertools.combinations(range(len(correct)), 2):
        observed = float((correct[a] == correct[b]).mean())
        p, q = float(correct[a].mean()), float(correct[b].mean())
        expected = p * q + (1 - p) * (1 - q)
        kappa[a, b] = (observed - expected) / (1 - expected) if expected < 1 else float("nan")
    right = correct.sum(axis=0)
    return Agreement(correct, right, all_wrong=np.flatnonzero(right == 0), kappa=kappa)


def review_sample(wrong_ids: np.ndarray, size: int = 60, seed: int = 0) -> np.ndarray:
    """A random sample of the mistakes without replacement, for a person to look at; ids rising.

    wrong_ids: (K,) ids of the images that are wrong, in any order, each once. The same set of ids
    gives the same sample; min(size, K) of them. Shares found in the sample hold for all mistakes,
    which those of the most confident ones would not.
    """
    ordered = np.unique(wrong_ids).astype(np.int64)
    if len(ordered) <= size:
        return ordered
    drawn = np.random.default_rng(seed).choice(len(ordered), size=size, replace=False)
    return ordered[np.sort(drawn)]
