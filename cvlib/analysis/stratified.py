"""Does a group of images fail more often than the rest of its classes? Compared stratum by stratum.

The image is the unit: with several seeds an image's score is the number of seeds
that get it wrong, so that seeds that agree are not taken for further evidence.
Only images of one stratum (a class) are compared with one another: that some classes are harder
than others, and more frequent in the group, is no evidence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from cvlib.analysis.intervals import Interval, wilson_interval

SMALLEST_P = 1e-20  # smaller chances are given as this
_NEGLIGIBLE = 1e-30  # entries left out; all that are, together, stay far below SMALLEST_P


@dataclass(frozen=True)
class Rates:
    """Error rates, shares 0..1, of members and of the rest, and members' minus rest's."""

    rate: Interval
    rest: Interval
    difference: Interval


def exact_share_test(score: np.ndarray, stratum: np.ndarray, member: np.ndarray) -> float:
    """One-sided p: the chance that a random group scores as high as the members do, or higher.

    score: (N,) whole numbers >= 0, seeds that get the image wrong; stratum: (N,) whole numbers;
    member: (N,) bool. A random group takes from each stratum as many images as the members have
    there, any as likely as any other. Its score is computed by convolution, not by drawing; with
    one seed and one stratum this is Fisher's exact test. p is never below SMALLEST_P.
    Source: Birch, J. R. Statist. Soc. B 26(2), 1964 (the exact test of several 2 x 2 tables at
    once); Mantel, JASA 58(303), 1963 (scores in place of yes and no).
    """
    codes = np.unique(stratum, return_inverse=True)[1]
    # images of each stratum by score, and how many of them the group takes
    table = np.zeros((codes.max(initial=-1) + 1, score.max(initial=0) + 1), dtype=np.int64)
    np.add.at(table, (codes, score), 1)
    sizes = np.bincount(codes[member], minlength=len(table))
    mass, first = np.ones(1), 0  # mass[t]: probability that the group's score is first + t
    for counts, size in zip(table.tolist(), sizes.tolist(), strict=True):
        if not 0 < size < sum(counts) or not any(counts[1:]):
            # none, all, or only images without an error are drawn: no chance in it
            first += sum(value * count for value, count in enumerate(counts)) if size else 0
            continue
        start, drawn = _drawn_score(tuple(counts), size)
        mass, first = np.convolve(mass, drawn), first + start
        kept = np.flatnonzero(mass > _NEGLIGIBLE)
        mass, first = mass[kept[0] : kept[-1] + 1], first + int(kept[0])
    beyond = float(mass[max(0, int(score[member].sum()) - first) :].sum())
    return min(1.0, max(beyond, SMALLEST_P))


@lru_cache(maxsize=20_000)  # classes are drawn from in equal numbers again and again
def _drawn_score(counts: tuple[int, ...], size: int) -> tuple[int, np.ndarray]:
    """Score of `size` images drawn at random: (lowest score, probabilities from there on).

    How many of the images of each score are drawn follows the multivariate hypergeometric
    distribution, here one score after the other: of the highest, then of the next among the rest.
    """
    images = sum(counts)
    scored = [value for value in range(len(counts) - 1, 0, -1) if counts[value]]
    # state[u, t]: probability that fewest + u images are drawn so far, and score lowest + t
    state, fewest, lowest = np.ones((1, 1)), 0, 0
    for value in scored[:-1]:
        wanted = size - fewest - np.arange(len(state))
        least, chances = _hypergeometric(images, counts[value], wanted)
        taken, score = state.shape
        more = chances.shape[1]
        after = np.zeros((taken + more - 1, score + (more - 1) * value))
        for number in range(more):
            after[number : number + taken, number * value : number * value + score] += (
                state * chances[:, number : number + 1]
            )
        rows, columns = (np.flatnonzero((after > _NEGLIGIBLE).any(axis=axis)) for axis in (1, 0))
        state = after[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        fewest += least + int(rows[0])
        lowest += least * value + int(columns[0])
        images -= counts[value]
    # images without an error fill the group: how many were drawn is no longer of interest
    value = scored[-1]
    wanted = size - fewest - np.arange(len(state))
    least, chances = _hypergeometric(images, counts[value], wanted)
    by_number = chances.T @ state
    mass = np.zeros(by_number.shape[1] + (len(by_number) - 1) * value)
    for number, row in enumerate(by_number):
        mass[number * value : number * value + len(row)] += row
    kept = np.flatnonzero(mass > _NEGLIGIBLE)
    return lowest + least * value + int(kept[0]), mass[kept[0] : kept[-1] + 1]


def _hypergeometric(images: int, marked: int, sizes: np.ndarray) -> tuple[int, np.ndarray]:
    """How many marked ones are among `size` drawn of `images`, for each of the sizes.

    Returns (k, chances): chances[i, j] is the probability of k + j with sizes[i], 0 where that is
    impossible, as everything is for a size below 0 or above `images`.
    """
    log_factorial = _log_factorials(images)
    size, number = sizes[:, None], np.arange(marked + 1)[None, :]
    other = size - number
    possible = (other >= 0) & (other <= images - marked)
    other = np.where(possible, other, 0)
    ways = (log_factorial[marked] - log_factorial[number] - log_factorial[marked - number]) + (
        log_factorial[images - marked]
        - log_factorial[other]
        - log_factorial[images - marked - other]
    )
    drawn = np.clip(size, 0, images)
    all_ways = log_factorial[images] - log_factorial[drawn] - log_factorial[images - drawn]
    chances = np.where(possible, np.exp(np.where(possible, ways - all_ways, -np.inf)), 0.0)
    kept = np.flatnonzero((chances > _NEGLIGIBLE).any(axis=0))
    return int(kept[0]), chances[:, kept[0] : kept[-1] + 1]


@lru_cache(maxsize=1_000)
def _log_factorials(largest: int) -> np.ndarray:
    from scipy.special import gammaln

    logarithms: np.ndarray = gammaln(np.arange(1.0, largest + 2))
    return logarithms


def excess(score: np.ndarray, stratum: np.ndarray, weight: np.ndarray) -> float:
    """Weighted score above what chance lets expect, in standard deviations (z); 0 without chance.

    score, stratum: as in `exact_share_test`; weight: (N,), who is a member (bool) or
    how much. If scores fall on the n images of a stratum at random, sum weight * score has mean
    n w s and variance n^2 / (n - 1) var(weight) var(score), with means w and s and variances over
    n; strata are independent.
    Source: Mantel, JASA 58(303), 1963.
    """
    codes = np.unique(stratum, return_inverse=True)[1]
    weight = weight.astype(np.float64)
    images = np.bincount(codes)
    score_mean, weight_mean, score_square, weight_square = (
        np.bincount(codes, weights=values) / images
        for values in (score, weight, score**2.0, weight**2)
    )
    variance = (score_square - score_mean**2) * (weight_square - weight_mean**2)
    spread = float((images**2 / np.maximum(images - 1, 1) * variance).sum())
    above = float(weight @ score - (images * score_mean) @ weight_mean)
    return above / math.sqrt(spread) if spread > 1e-9 else 0.0


def compare_rates(
    error: np.ndarray,
    stratum: np.ndarray,
    member: np.ndarray,
    *,
    confidence_of_difference: float = 0.95,
) -> Rates:
    """Compare members with the rest as if the rest had the members' mix of strata (classes).

    error: (N,) shares 0..1 of the seeds that get the image wrong; stratum: (N,) whole numbers;
    member: (N,) bool, of each stratum that has members some images must be none.
    The rest's rate is sum_h w_h r_h, with w_h the members' share in stratum h and r_h the rate of
    its others (direct standardisation); where the mix is the same it is the plain rate. Its
    interval is Wilson's for 1 / sum_h (w_h^2 / n_h) images, as many as would be as uncertain.
    Wilson's interval of a mean over seeds takes each image for one trial: an outcome between 0
    and 1 varies less than a yes or no of the same mean, so it is rather too wide.
    Source: Kish, "Survey Sampling", 1965, section 11.7 (weights); Newcombe (see `newcombe`).
    """
    _, codes = np.unique(stratum, return_inverse=True)
    strata = int(codes.max(initial=-1)) + 1
    inside = np.bincount(codes[member], minlength=strata)
    outside = np.bincount(codes[~member], minlength=strata)
    of_rest = np.bincount(codes[~member], weights=error[~member], minlength=strata)
    used = inside > 0
    weights = inside[used] / inside.sum()
    rest_share = float(weights @ (of_rest[used] / outside[used]))
    rest_images = max(1.0, float(1 / (weights**2 / outside[used]).sum()))
    images, share = float(inside.sum()), float(error[member].mean())

    def wilson(confidence: float) -> tuple[Interval, Interval]:
        # sums in another order may leave a share above 1 by an ulp
        return (
            wilson_interval(min(share, 1.0) * images, images, confidence),
            wilson_interval(min(rest_share, 1.0) * rest_images, rest_images, confidence),
        )

    return Rates(*wilson(0.95), difference=newcombe(*wilson(confidence_of_difference)))


def newcombe(first: Interval, second: Interval) -> Interval:
    """Difference of two independent proportions, first - second, from their Wilson intervals.

    low = d - sqrt((p1 - l1)^2 + (u2 - p2)^2), high = d + sqrt((u1 - p1)^2 + (p2 - l2)^2).
    Source: Newcombe, "Interval estimation for the difference between independent proportions",
    Stat. Med. 17(8), 1998, method 10.
    """
    difference = first.estimate - second.estimate
    below = math.hypot(first.estimate - first.low, second.high - second.estimate)
    above = math.hypot(first.high - first.estimate, second.estimate - second.low)
    return Interval(difference, difference - below, difference + above)
