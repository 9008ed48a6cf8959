"""What a model's probabilities say: of each image, of its label, and whether they can be believed.

Hardness and mistakenness are FiftyOne Brain's, as its documentation and source (fiftyone-brain
0.25, core/hardness.py and core/mistakenness.py, the variant with use_logits=True) define them:
with p = softmax(logits), H = -sum_c p_c ln p_c, and m = -1 where the predicted class is the label,
+1 where it is not,

    hardness = H,    mistakenness = (m exp(-H) + 1) / 2.

Source: https://docs.voxel51.com/brain.html, "Label mistakes" and "Sample hardness".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cvlib.analysis.intervals import Interval, wilson_interval

RESAMPLES = 1_000
# a class whose images all have one probability reaches its own mean, give or take rounding
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Bin:
    """The images whose confidence lies in (low, high].

    count: their number; confidence: their mean confidence; accuracy: with Wilson's interval; both
    None when there are no images.
    """

    low: float
    high: float
    confidence: float | None
    accuracy: Interval | None
    count: int


@dataclass(frozen=True)
class Reliability:
    """Calibration of one model on N images, every number a share.

    ece: expected calibration error; by_chance: the ECE that a perfectly calibrated model with these
    confidences shows on so many images, on average; gap: mean confidence minus accuracy, positive
    for a model that claims too much; bins: in rising order, those without images too.
    """

    ece: Interval
    by_chance: float
    gap: Interval
    bins: tuple[Bin, ...]


@dataclass(frozen=True)
class LabelErrors:
    """Probable label errors, the most probable first.

    rows: (K,) int64, positions in what was given; suggested: (K,) int64, the class it seems to be;
    score: (K,) p(suggested) - p(label), in -1..1.
    """

    rows: np.ndarray
    suggested: np.ndarray
    score: np.ndarray


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities of the classes, (N, C) float64, from finite logits (N, C), C at least 2."""
    logits = np.asarray(logits, dtype=np.float64)
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def hardness(logits: np.ndarray) -> np.ndarray:
    """Entropy of the predicted probabilities in nats, (N,) in 0..ln C, from logits (N, C)."""
    probabilities = softmax(logits)
    # 0 ln 0 = 0: a probability that underflowed adds nothing
    logarithms = np.log(np.where(probabilities > 0, probabilities, 1.0))
    # a one-hot row gives -0.0, which is shown with its sign
    return np.maximum(-(probabilities * logarithms).sum(axis=1), 0.0)


def mistakenness(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How likely each label is wrong, (N,) in 0..1: above 1/2 exactly where the model disagrees.

    logits: (N, C); labels: (N,) class indices. A confident agreement is near 0, a confident
    disagreement near 1, an undecided model near 1/2 on either side.
    """
    sign = np.where(np.argmax(logits, axis=1) == labels, -1.0, 1.0)
    return (sign * np.exp(-hardness(logits)) + 1) / 2


def reliability(logits: np.ndarray, labels: np.ndarray, bins: int) -> Reliability:
    """Calibration of the predicted class' probability, with 95% intervals over images.

    logits: (N, C), N >= 2; labels: (N,); bins: how many of equal width.
    ECE = sum over bins b of n_b / N |accuracy_b - confidence_b|. Chance adds to it, and adds again
    in a resample: the percentile interval lies too high where the model is nearly calibrated, the
    basic one (2 ECE - quantile), which takes that off, too low where it is not. The interval spans
    both, and 0 where a calibrated model would reach the ECE in one of forty test sets; simulated,
    it holds the truth in 93 to 98% of test sets.
    Source: Guo, Pleiss, Sun and Weinberger, ICML 2017, equation 3; Davison and Hinkley, "Bootstrap
    methods and their application", 1997, equation 5.6; for what a calibrated model would show:
    Bröcker and Smith, Weather and Forecasting 22(3), 2007.
    """
    claimed = softmax(logits).max(axis=1)
    correct = np.argmax(logits, axis=1) == labels
    edges = np.arange(bins + 1) / bins
    # the bins are open below: a confidence on an edge belongs to the bin that it closes
    place = np.clip(np.searchsorted(edges, claimed, side="left") - 1, 0, bins - 1)
    excess = claimed - correct

    def calibration_error(place: np.ndarray, excess: np.ndarray) -> float:
        # n_b / N |acc_b - conf_b| = |sum over the bin of (confidence - correct)| / N
        return float(np.abs(np.bincount(place, excess, bins)).sum() / len(place))

    generator = np.random.default_rng(0)
    images = len(claimed)
    resampled, gaps, calibrated = np.empty((3, RESAMPLES))
    for index in range(RESAMPLES):
        drawn = generator.integers(0, images, images)
        resampled[index] = calibration_error(place[drawn], excess[drawn])
        gaps[index] = excess[drawn].mean()
        by_chance = claimed - (generator.random(images) < claimed)
        calibrated[index] = calibration_error(place, by_chance)
    ece = calibration_error(place, excess)
    low, high = np.quantile(resampled, [0.025, 0.975])
    start = max(0.0, min(low, 2 * ece - high))
    if ece <= np.quantile(calibrated, 0.975):
        start = 0.0
    return Reliability(
        ece=Interval(ece, float(min(start, ece)), float(max(high, 2 * ece - low, ece))),
        by_chance=float(calibrated.mean()),
        gap=Interval(float(excess.mean()), *np.quantile(gaps, [0.025, 0.975]).tolist()),
        bins=tuple(
            Bin(
                low=float(edges[k]),
                high=float(edges[k + 1]),
                confidence=float(claimed[inside].mean()) if inside.any() else None,
                accuracy=wilson_interval(int(correct[inside].sum()), int(inside.sum()))
                if inside.any()
                else None,
                count=int(inside.sum()),
            )
            for k, inside in enumerate(place == np.arange(bins)[:, None])
        ),
    )


def probable_label_errors(probabilities: np.ndarray, labels: np.ndarray) -> LabelErrors:
    """Which labels are probably wrong, by confident learning.

    probabilities: (N, C), rows summing to 1, from a model that was not fitted to these labels, as
    those of test images are; labels: (N,) class indices. An image counts as truly of class j when
    its probability of j is at least that of the average image labelled j. Found are the images that
    count as another class than their label's and are predicted as another; equally probable ones
    keep their order.

    What is found is a disagreement between label and model: a model that is wrong with certainty
    looks the same. Only a person who looks at the images can tell how many are label errors.
    Source: Northcutt, Jiang and Chuang, "Confident learning: estimating uncertainty in dataset
    labels", JAIR 70, 2021, equations 1 and 2.
    """
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
    return LabelErrors(rows[order], counted_as[rows[order]], score[order])
