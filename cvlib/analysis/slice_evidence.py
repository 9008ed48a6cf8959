"""How strong a group's excess of errors is, and whether another group explains it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from cvlib.analysis.slice_candidates import Candidate, at_end

CUTS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)  # shares of a class that count as the end of a property
BINS = 10  # tenths of a class in which a property is taken for equal
CHANCE = 1.645  # standard deviations that one-sided chance exceeds in 5%


def excess(score: np.ndarray, stratum: np.ndarray, weight: np.ndarray) -> float:
    """Weighted score above what chance lets expect, in standard deviations (z); 0 without chance.

    score, stratum: as in `share_test.exact_share_test`; weight: (N,), who is a member (bool) or
    how much. If scores fall on the n images of a stratum at random, sum weight * score has mean
    n w s and variance n^2 / (n - 1) var(weight) var(score), with means w and s and variances over
    n; strata are independent.
    Source: Mantel, JASA 58(303), 1963.
    """
    codes = np.unique(stratum, return_inverse=True)[1]
    weight = weight.astype(np.float64)
    images = np.bincount(codes)

    def mean(values: np.ndarray) -> np.ndarray:
        means: np.ndarray = np.bincount(codes, weights=values) / images
        return means

    score_mean, weight_mean = mean(score), mean(weight)
    variance = (mean(score**2.0) - score_mean**2) * (mean(weight**2) - weight_mean**2)
    spread = float((images**2 / np.maximum(images - 1, 1) * variance).sum())
    above = float(weight @ score - (images * score_mean) @ weight_mean)
    return above / math.sqrt(spread) if spread > 1e-9 else 0.0


def strongest_excess(
    item: Candidate,
    score: np.ndarray,
    labels: np.ndarray,
    positions: Mapping[str, np.ndarray],
    overall: Mapping[str, np.ndarray],
    share: float,
    min_images: int,
) -> float:
    """Excess of a group; of a property's end the largest over CUTS, `share` and the trend.

    positions, overall: of each property, where an image stands in its class and, for ends over
    all classes, among all images; cuts are made in both. The trend weighs each image by it. Where
    errors depend on one property, no other splits off more of them at the same cut; but a
    correlated one comes close at a cut that is not the true one, or where errors rise all along.
    """
    scores, strata = score[item.scope], labels[item.scope]
    found = [excess(scores, strata, item.member)]
    if item.property is not None and item.end is not None:
        for position in (positions, overall)[: 2 if item.class_index is None else 1]:
            place = position[item.property][item.scope]
            found.append(excess(scores, strata, -place if item.end == "low" else place))
            for cut in (*CUTS, share):
                member = at_end(place, item.end, cut)
                if member.sum() >= min_images:
                    found.append(excess(scores, strata, member))
    return max(found)


def explained_by(
    lead: Candidate,
    item: Candidate,
    score: np.ndarray,
    labels: np.ndarray,
    positions: Mapping[str, np.ndarray],
) -> bool:
    """Say whether a lead has an item's images, and leaves nothing of its excess.

    It has them if it holds more of them than chance would: at the other end of a property images
    fail for another reason. It leaves nothing if the excess is within chance among images that
    are alike for the lead: of the same class, and of the same tenth of its property within the
    class or all in or all outside its cluster.
    """
    in_lead = np.zeros(len(labels), dtype=np.int64)
    in_lead[lead.rows()] = 1
    if excess(in_lead[item.scope], labels[item.scope], item.member) < CHANCE:
        return False
    alike = in_lead
    if lead.property is not None:
        alike = np.zeros(len(labels), dtype=np.int64)
        position = positions[lead.property][lead.scope]
        alike[lead.scope] = np.minimum((position * BINS).astype(np.int64), BINS - 1)
    stratum = labels * BINS + alike
    return excess(score[item.scope], stratum[item.scope], item.member) < CHANCE
