"""Which classes are taken for which: confusion matrix, scores of each class, confused pairs.

The image is the unit. Over several seeds every count is the mean of the seeds' counts, and the
intervals are Wilson's with the number of images, not of image-seed pairs. An image's share of
seeds lies in 0..1, so its variance is at most p(1 - p): the intervals are wide enough whether or
not the seeds agree. They say how far another test set might differ, each one on its own.
"""

from __future__ import annotations

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


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Images of each true class (row) by predicted class (column), (C, C) float64.

    labels: (N,) and predicted: (S, N) or (N,) class indices below `classes`; mean over the S seeds.
    Raises ValueError when the images differ or an index is not a class.
    """
    labels, predicted = np.asarray(labels), np.atleast_2d(predicted)
    if labels.ndim != 1 or predicted.ndim != 2 or predicted.shape[1:] != labels.shape:
        raise ValueError(
            f"labels {labels.shape} and predicted {predicted.shape}: expected (N,) and (S, N) or "
            "(N,), the same images"
        )
    for name, values in (("labels", labels), ("predicted", predicted)):
        if not np.issubdtype(values.dtype, np.integer):
            raise ValueError(f"{name}: expected class indices, got {values.dtype}")
        if values.size and not 0 <= values.min() <= values.max() < classes:
            raise ValueError(f"{name}: {values.min()}..{values.max()}, expected 0..{classes - 1}")
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
    right, support, called = matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0)
    scores = []
    for index in range(classes):
        union = support[index] + called[index] - right[index]
        jaccard = _share(right[index], union)
        f1 = Interval(*(2 * j / (1 + j) for j in (jaccard.estimate, jaccard.low, jaccard.high)))
        scores.append(
            ClassScore(
                precision=_share(right[index], called[index]),
                recall=_share(right[index], support[index]),
                f1=f1,
                support=round(support[index]),
            )
        )
    return scores


def confused_pairs(labels: np.ndarray, predicted: np.ndarray, classes: int) -> list[ConfusedPair]:
    """Every pair of classes that is confused at all, most images first.

    Arguments as in `confusion_matrix`. Each direction is a pair of its own; pairs with equally
    many images come in the classes' order.
    """
    matrix = confusion_matrix(labels, predicted, classes)
    support = matrix.sum(axis=1)
    mistakes = np.where(np.eye(classes, dtype=bool), 0.0, matrix).ravel()
    order = np.argsort(-mistakes, kind="stable")
    return [
        ConfusedPair(
            true=int(cell // classes),
            predicted=int(cell % classes),
            images=float(mistakes[cell]),
            support=round(support[cell // classes]),
            share=_share(mistakes[cell], support[cell // classes]),
        )
        for cell in order
        if mistakes[cell] > 0
    ]


def _share(part: float, whole: float) -> Interval:
    """Wilson's interval of part / whole, both means over seeds and so perhaps fractions."""
    if whole < 1:  # less than one image: nothing is known
        return Interval(float(part / whole) if whole else float("nan"), 0.0, 1.0)
    # sums over seeds in another order may leave part above whole by an ulp
    return wilson_interval(float(min(part, whole)), float(whole))  # type: ignore[arg-type]
