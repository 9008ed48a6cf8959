"""Confidence intervals of a proportion, and by bootstrap; those over seeds are in `estimate`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np


@dataclass(frozen=True)
class Interval:
    """An estimate with the ends of its interval, all in the unit of the values."""

    estimate: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half of high - low; for a symmetric interval the number after ±."""
        return (self.high - self.low) / 2


def wilson_interval(successes: float, total: float, confidence: float = 0.95) -> Interval:
    """A proportion with Wilson's score interval; holds near 0 and 1, unlike the normal one.

    successes, total: counts, or means of counts over seeds, which may be fractions.
    Raises ValueError unless 0 <= successes <= total and total >= 1.
    Source: Wilson, JASA 22(158), 1927, equation 5; Brown, Cai and DasGupta, Stat. Sci. 16(2), 2001.
    """
    if not 0 <= successes <= total or total < 1:
        raise ValueError(f"{successes} successes of {total}: expected 0 <= successes <= total >= 1")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = successes / total
    # centre = (p + z²/2n) / (1 + z²/n),  half = z sqrt(p(1-p)/n + z²/4n²) / (1 + z²/n)
    scale = 1 + z**2 / total
    centre = (share + z**2 / (2 * total)) / scale
    half = z * math.sqrt(share * (1 - share) / total + z**2 / (4 * total**2)) / scale
    # at the ends the formula gives exactly 0 and 1; floating point misses them by an ulp
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == total else centre + half
    return Interval(share, low, high)


def bootstrap_interval(
    values: np.ndarray,
    statistic: Callable[[np.ndarray], float],
    *,
    seed: int,
    resamples: int,
) -> Interval:
    """A statistic with its 95% percentile bootstrap interval; rows are what is resampled.

    values: (n, ...), n >= 2. statistic: maps rows of the same kind to a number.
    Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
    """
    values = np.asarray(values)
    if len(values) < 2:
        raise ValueError(f"a bootstrap needs at least two rows, got {len(values)}")
    generator = np.random.default_rng(seed)
    drawn = [
        statistic(values[generator.integers(0, len(values), len(values))]) for _ in range(resamples)
    ]
    low, high = np.quantile(drawn, [(1 - 0.95) / 2, (1 + 0.95) / 2])
    return Interval(float(statistic(values)), float(low), float(high))
