"""Exact test: does a group of images hold more errors than a random one of its size would?

The image is the unit, as in `paired`: with several seeds an image's score is the number of seeds
that get it wrong, so that seeds that agree are not taken for further evidence.
Only images of one stratum (a class) are exchanged with one another: that some classes are harder
than others, and more frequent in the group, is no evidence.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import numpy as np

SMALLEST_P = 1e-20  # smaller chances are given as this
_NEGLIGIBLE = 1e-30  # entries left out; all that are, together, stay far below SMALLEST_P


def exact_share_test(score: np.ndarray, stratum: np.ndarray, member: np.ndarray) -> float:
    """One-sided p: the chance that a random group scores as high as the members do, or higher.

    score: (N,) whole numbers >= 0, seeds that get the image wrong; stratum: (N,) whole numbers;
    member: (N,) bool. A random group takes from each stratum as many images as the members have
    there, any as likely as any other. Its score is computed by convolution, not by drawing; with
    one seed and one stratum this is Fisher's exact test. p is never below SMALLEST_P.
    Raises ValueError for other shapes, types, or scores below 0.
    Source: Birch, J. R. Statist. Soc. B 26(2), 1964 (the exact test of several 2 x 2 tables at
    once); Mantel, JASA 58(303), 1963 (scores in place of yes and no).
    """
    score, stratum, member = _checked(score, stratum, member)
    groups = []
    codes = np.unique(stratum, return_inverse=True)[1]
    table = np.zeros((codes.max(initial=-1) + 1, score.max(initial=0) + 1), dtype=np.int64)
    np.add.at(table, (codes, score), 1)
    drawn = np.bincount(codes[member], minlength=len(table))
    for counts, size in zip(table.tolist(), drawn.tolist(), strict=True):
        groups.append((tuple(counts), size))
    return tail(groups, int(score[member].sum()))


def tail(groups: Iterable[tuple[tuple[int, ...], int]], observed: int) -> float:
    """P(total score >= observed) when `size` of the images are drawn from each stratum.

    groups: (counts, size) of each stratum; counts[v] is the number of its images with score v.
    """
    mass, first = np.ones(1), 0
    for counts, size in groups:
        if not 0 < size < sum(counts) or not any(counts[1:]):
            # none, all, or only images without an error are drawn: no chance in it
            first += sum(value * count for value, count in enumerate(counts)) if size else 0
            continue
        start, drawn = _drawn_score(counts, size)
        mass, first = np.convolve(mass, drawn), first + start
        kept = np.flatnonzero(mass > _NEGLIGIBLE)
        mass, first = mass[kept[0] : kept[-1] + 1], first + int(kept[0])
    beyond = float(mass[max(0, observed - first) :].sum())
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


def _checked(
    score: np.ndarray, stratum: np.ndarray, member: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    score, stratum, member = np.asarray(score), np.asarray(stratum), np.asarray(member)
    if score.ndim != 1 or not np.issubdtype(score.dtype, np.integer) or score.min(initial=0) < 0:
        raise ValueError(
            f"score: expected (N,) whole numbers from 0, got {score.shape} {score.dtype}"
        )
    if stratum.shape != score.shape or member.shape != score.shape or member.dtype != bool:
        raise ValueError(
            f"stratum {stratum.shape} and member {member.shape} {member.dtype}: expected "
            f"{score.shape} and {score.shape} bool, as score has"
        )
    return score, stratum, member
