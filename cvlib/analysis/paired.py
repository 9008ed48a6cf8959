"""Is one classifier better than another on the same test images, and what may be claimed of it?

The image is the unit. Where each classifier was trained with several seeds, an image's outcome is
its mean over seeds: counting it once a seed, as pooling McNemar's tables over seeds does, would
take the seeds' agreement on easy and hard images for evidence.
What the test cannot see is luck that a seed has on all images alike; the t-interval of the
difference over seeds (`intervals.t_interval`) is for that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cvlib.analysis.intervals import Interval

Verdict = Literal["supported", "refuted", "undecided"]
LEVEL = 0.05


@dataclass(frozen=True)
class PairedTest:
    """Accuracy of A minus accuracy of B on the same images, as a share in -1..1.

    difference: with its bootstrap interval over images; p: exact, two-sided.
    """

    difference: Interval
    p: float
    images: int
    seeds: int


def paired_test(correct_a: np.ndarray, correct_b: np.ndarray) -> PairedTest:
    """Compare two classifiers on the same images.

    correct_a, correct_b: (S, N) bool, S seeds by N images, both in the same order of images.
    """
    seeds, images = correct_a.shape
    score = correct_a.sum(axis=0) - correct_b.sum(axis=0)
    difference = paired_bootstrap(score / seeds, seed=0)
    return PairedTest(difference, sign_flip_test(score), images, seeds)


def sign_flip_test(score: np.ndarray) -> float:
    """Exact two-sided test that paired differences are as likely to be +d as -d.

    score: (N,) whole numbers, seeds that A gets right minus seeds that B gets right, for each
    image. p = P(|sum of ±score| >= |sum of score|) with the N signs fair coins, computed by
    convolution, not by drawing. With one seed this is McNemar's exact test (Psychometrika 12(2),
    1947).
    Source: Fisher, "The Design of Experiments", 1935, section 21; Pitman, 1937.
    """
    sizes, counts = np.unique(np.abs(score[score != 0]), return_counts=True)
    # sum of ±score = 2 H - total, where H = sum over sizes m of m * Binomial(n_m, 1/2)
    heads, first = np.ones(1), 0
    for size, count in zip(sizes.tolist(), counts.tolist(), strict=True):
        lowest, mass = _fair_coin(count)
        spread = np.zeros((len(mass) - 1) * size + 1)
        spread[::size] = mass
        heads, first = np.convolve(heads, spread), first + lowest * size
    total = int(np.abs(score).sum())
    flipped = 2 * (first + np.arange(len(heads))) - total
    return float(min(1.0, heads[np.abs(flipped) >= abs(int(score.sum()))].sum()))


def paired_bootstrap(difference: np.ndarray, *, seed: int) -> Interval:
    """Mean difference with its 95% percentile bootstrap interval, images resampled.

    difference: (N,), accuracy of A minus accuracy of B on each image. The few distinct values are
    drawn by their counts (multinomial), which is the same as drawing images, and quick.
    Source: Efron and Tibshirani, 1993, chapter 13; for test sets: Koehn, EMNLP 2004.
    """
    values, counts = np.unique(np.asarray(difference, dtype=float), return_counts=True)
    total = int(counts.sum())
    drawn = np.random.default_rng(seed).multinomial(total, counts / total, size=10_000)
    low, high = np.quantile(drawn @ values / total, [(1 - 0.95) / 2, (1 + 0.95) / 2])
    return Interval(float(values @ counts / total), float(low), float(high))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values of comparisons made together, so that any false claim has the stated chance.

    The k-th smallest of m is multiplied by m - k + 1, then none may be below a smaller one's.
    Source: Holm, Scand. J. Statist. 6(2), 1979.
    """
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def claim_verdict(
    low: float, high: float, margin: float, expect: str, p: float | None = None
) -> Verdict:
    """Judge one claim by where its 95% interval lies.

    low, high: ends of the interval, in the unit of `margin`; expect: `above` or `below` the margin.
    p: of a two-sided test of no difference on the same images, adjusted for what was tested beside
    it; None where there is none, or the margin is not 0. Where there is one, an interval over seeds
    that leaves the margin out is not enough: both must agree.
    """
    if p is not None and p >= LEVEL:
        return "undecided"
    if low > margin:
        return "supported" if expect == "above" else "refuted"
    if high < margin:
        return "supported" if expect == "below" else "refuted"
    return "undecided"


def joint_verdict(claims: Sequence[Verdict]) -> Verdict:
    """Judge a hypothesis: refuted when one claim is, supported when all are.

    Asking that all hold needs no correction for their number (an intersection-union test: Berger,
    Technometrics 24(4), 1982); that one fails does, so p-values come adjusted.
    """
    if "refuted" in claims:
        return "refuted"
    return "supported" if set(claims) == {"supported"} else "undecided"


def _fair_coin(count: int) -> tuple[int, np.ndarray]:
    """Binomial(count, 1/2): (k of the first entry, probabilities), ends under 1e-300 left out."""
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, count + 1)))])
    log_mass = log_factorial[-1] - log_factorial - log_factorial[::-1] - count * math.log(2)
    kept = np.flatnonzero(log_mass > -690)
    return int(kept[0]), np.exp(log_mass[kept])
