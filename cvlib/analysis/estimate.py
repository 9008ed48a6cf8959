"""One interval for what would happen again: with other seeds, and with other test images.

An outcome c[s, i] says whether seed s of a variant is right on image i. It has three parts that were
drawn at random: the seed's own level, the image's difficulty, and what is left between the two.
The variance of a mean over S seeds and N images, or of a difference of such means, is therefore
    seeds:   sum_k w_k^2 v_k / S_k          v_k: variance of one seed's accuracy
    images:  var_i(d_i) / N                 d_i = sum_k w_k mean_s c_k[s, i]
             - sum_k w_k^2 r_k / (S_k N)    r_k: of what is left, which both of the above hold
with a weight w_k for each variant: 1 of an accuracy, 1 and -1 of a difference. Degrees of freedom
are Satterthwaite's (Biometrics Bulletin 2(6), 1946); the images are many, so only seeds cost any.

Three seeds say little of a variance, so it is moderated by those of the experiment's other variants
(Smyth, SAGMB 3(1), 2004): v_k = (2 m + d_k s_k^2) / (2 + d_k), with 2 + d_k degrees of freedom, where
m is the median of the variants' variances. Smyth estimates the weight of the others; here it is fixed
and small, and one wild variant moves no other (after Phipson et al., Ann. Appl. Stat. 10(2), 2016): an
estimated weight covered 91% where variances differ tenfold, for variable variants were pulled too far.
Seeds are not paired: their correlations between variants lay anywhere from -0.99 to 1.
What it covers stands in docs/statistics.md, and tests/analysis/test_estimate.py.

Ground: Bouthillier et al., MLSys 2021 (what varies when a training is repeated); Dror et al., ACL 2018.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cvlib.analysis.intervals import Interval

LEVEL = 0.05
_OTHERS = 2.0  # degrees of freedom that the experiment's other variants count for
# Outcomes added to those of the images, so that a few errors, or none, do not feign certainty (after
# Agresti and Caffo, Am. Stat. 54(4), 2000).
_ADDED = 2.0


@dataclass(frozen=True)
class SeedVariance:
    """variance: of the result of one seed; df: its degrees of freedom; pooled_df: of all variants."""

    variance: float
    df: float
    pooled_df: float


FIXED = SeedVariance(0.0, math.inf, math.inf)  # of what has no random part


def seed_variances(values: Sequence[np.ndarray]) -> list[SeedVariance | None]:
    """Moderated variance over seeds of each variant of an experiment.

    values: (S_k,) results of each, one a seed. Variants with one seed get the median variance.
    None for all where no variant has two seeds: then nothing is known of other seeds.
    """
    from scipy.special import chdtri  # scipy.stats takes two seconds to import

    df = [len(one) - 1 for one in values]
    total = sum(df)
    if total == 0:
        return [None] * len(values)
    own = [float(np.var(one, ddof=1)) if len(one) > 1 else 0.0 for one in values]
    # the median of a chi-square distribution is below its mean
    usual = float(
        np.median([s2 / (chdtri(d, 0.5) / d) for d, s2 in zip(df, own, strict=True) if d])
    )
    return [
        SeedVariance(
            (_OTHERS * usual + d * s2) / (_OTHERS + d),
            min(_OTHERS + d, float(total)),
            float(total),
        )
        for d, s2 in zip(df, own, strict=True)
    ]


@dataclass(frozen=True)
class Estimate:
    """A mean, or a difference of means, with its variance: that of other seeds and of other images."""

    value: float
    seeds: float
    images: float
    df: float  # of the seeds' part

    @property
    def variance(self) -> float:
        """Of the value, over seeds and images."""
        return self.seeds + self.images

    def half_width(self, level: float = LEVEL) -> float:
        """Half of the interval that holds 1 - level."""
        from scipy.special import ndtri, stdtrit

        if self.seeds == 0:
            return float(ndtri(1 - level / 2)) * math.sqrt(self.images)
        return float(stdtrit(self._df, 1 - level / 2)) * math.sqrt(self.variance)

    def interval(self, level: float = LEVEL) -> Interval:
        """The value with the ends of its interval of 1 - level."""
        half = self.half_width(level)
        return Interval(self.value, self.value - half, self.value + half)

    def p(self, margin: float = 0.0) -> float:
        """Two-sided, of a true value that equals the margin; 1 where it does and nothing varies."""
        from scipy.special import ndtr, stdtr

        if self.variance == 0:
            return float(self.value == margin)
        away = -abs(self.value - margin) / math.sqrt(self.variance)
        return 2 * float(ndtr(away) if self.seeds == 0 else stdtr(self._df, away))

    def times(self, scale: float) -> Estimate:
        """The same in another unit."""
        return Estimate(scale * self.value, scale**2 * self.seeds, scale**2 * self.images, self.df)

    @property
    def _df(self) -> float:
        return self.df * (self.variance / self.seeds) ** 2


@dataclass(frozen=True)
class Part:
    """One variant of an estimate.

    weight: in the sum; values: (S,) results, one a seed; spread: moderated over its experiment;
    images: variance of the mean over other test images, where no outcomes are at hand.
    """

    weight: float
    values: np.ndarray
    spread: SeedVariance
    images: float = 0.0


def estimate(parts: Sequence[Part], outcomes: Sequence[np.ndarray] | None = None) -> Estimate:
    """The weighted sum of the means of some variants, and how far it would vary.

    outcomes: whether each seed is right, (S, N) bool of each part, on the same images in the same
    order; None where none are kept, or the value is no accuracy.
    """
    weights = np.array([part.weight for part in parts])
    value = float(sum(part.weight * part.values.mean() for part in parts))
    terms = [w**2 * p.spread.variance / len(p.values) for w, p in zip(weights, parts, strict=True)]
    seeds = float(sum(terms))
    # Satterthwaite; variances that borrow from one another know no more than all of them together
    spent = sum(term**2 / p.spread.df for term, p in zip(terms, parts, strict=True) if term)
    df = min(seeds**2 / spent, *(p.spread.pooled_df for p in parts)) if spent else math.inf
    if outcomes is None:
        images = float(sum(w**2 * p.images for w, p in zip(weights, parts, strict=True)))
        return Estimate(value, seeds, images, df)
    count = outcomes[0].shape[1]
    each = sum(w * right.mean(axis=0) for w, right in zip(weights, outcomes, strict=True))
    left = sum(
        w**2 * _interaction(right) / len(right)
        for w, right, part in zip(weights, outcomes, parts, strict=True)
        if part.spread.variance  # of what is fixed nothing is held twice
    )
    spread = max(float(np.sum((each - np.mean(each)) ** 2)) - count * left, 0.0)
    # added outcomes are as large as those that differ: of means over seeds they are fractions
    is_mean = abs(weights.sum()) > 1e-9
    away = np.abs(each - np.median(each) if is_mean else each)
    size = float((away**2).sum() / away.sum()) if away.any() else float(np.abs(weights).max())
    # a share near 0 or 1 has errors on one side only, and so a skewed distribution: a little more
    square = size if is_mean else size**2
    return Estimate(value, seeds, (spread + _ADDED * square) / count**2, df)


def share_variance(share: float, images: float) -> float:
    """Largest variance that a mean of that many outcomes between 0 and 1 can have, as an image part."""
    return (share * (1 - share) * images + _ADDED) / images**2


def _interaction(right: np.ndarray) -> float:
    """Variance of what is left of outcomes (S, N) once seeds and images have their means; 0 of one seed."""
    seeds, images = right.shape
    if seeds == 1 or images == 1:
        return 0.0
    left = right - right.mean(axis=0) - right.mean(axis=1, keepdims=True) + right.mean()
    return float((left**2).sum()) / ((seeds - 1) * (images - 1))
