"""Is a model right as often as it claims to be? Reliability diagram and ECE."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cvlib.analysis.intervals import Interval, wilson_interval
from cvlib.analysis.scores import confidence as confidence_of

RESAMPLES = 1_000


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
    confidence: float
    accuracy: float
    bins: tuple[Bin, ...]


def reliability(
    logits: np.ndarray, labels: np.ndarray, bins: int = 15, seed: int = 0
) -> Reliability:
    """Calibration of the predicted class' probability, with 95% intervals over images.

    logits: (N, C), N >= 2; labels: (N,); bins: of equal width; seed: of the bootstrap.
    ECE = sum over bins b of n_b / N |accuracy_b - confidence_b|. Chance adds to it, and adds again
    in a resample: the percentile interval lies too high where the model is nearly calibrated, the
    basic one (2 ECE - quantile), which takes that off, too low where it is not. The interval spans
    both, and 0 where a calibrated model would reach the ECE in one of forty test sets; simulated,
    it holds the truth in 93 to 98% of test sets.
    Source: Guo, Pleiss, Sun and Weinberger, ICML 2017, equation 3; Davison and Hinkley, "Bootstrap
    methods and their application", 1997, equation 5.6; for what a calibrated model would show:
    Bröcker and Smith, Weather and Forecasting 22(3), 2007.
    """
    claimed = confidence_of(logits)
    labels = np.asarray(labels)
    if labels.shape != claimed.shape or len(claimed) < 2:
        raise ValueError(
            f"labels {labels.shape} for {len(claimed)} images: expected one a row, two or more"
        )
    if bins < 1:
        raise ValueError(f"bins: {bins}, expected at least 1")
    correct = np.asarray(logits).argmax(axis=1) == labels
    edges = np.arange(bins + 1) / bins
    # the bins are open below: a confidence on an edge belongs to the bin that it closes
    place = np.clip(np.searchsorted(edges, claimed, side="left") - 1, 0, bins - 1)
    excess = claimed - correct

    generator = np.random.default_rng(seed)
    images = len(claimed)
    resampled, gaps, calibrated = np.empty((3, RESAMPLES))
    for index in range(RESAMPLES):
        drawn = generator.integers(0, images, images)
        resampled[index] = _ece(place[drawn], excess[drawn], bins)
        gaps[index] = excess[drawn].mean()
        calibrated[index] = _ece(place, claimed - (generator.random(images) < claimed), bins)
    return Reliability(
        ece=_ece_interval(_ece(place, excess, bins), resampled, calibrated),
        by_chance=float(calibrated.mean()),
        gap=Interval(float(excess.mean()), *np.quantile(gaps, [0.025, 0.975]).tolist()),
        confidence=float(claimed.mean()),
        accuracy=float(correct.mean()),
        bins=tuple(
            _bin(edges[k], edges[k + 1], claimed[place == k], correct[place == k])
            for k in range(bins)
        ),
    )


def _ece(place: np.ndarray, excess: np.ndarray, bins: int) -> float:
    # n_b / N |acc_b - conf_b| = |sum over the bin of (confidence - correct)| / N
    return float(np.abs(np.bincount(place, excess, bins)).sum() / len(place))


def _ece_interval(ece: float, resampled: np.ndarray, calibrated: np.ndarray) -> Interval:
    low, high = np.quantile(resampled, [0.025, 0.975])
    start = max(0.0, min(low, 2 * ece - high))
    if ece <= np.quantile(calibrated, 0.975):
        start = 0.0
    return Interval(ece, float(min(start, ece)), float(max(high, 2 * ece - low, ece)))


def _bin(low: float, high: float, claimed: np.ndarray, correct: np.ndarray) -> Bin:
    count = len(claimed)
    return Bin(
        low=float(low),
        high=float(high),
        confidence=float(claimed.mean()) if count else None,
        accuracy=wilson_interval(int(correct.sum()), count) if count else None,
        count=count,
    )
