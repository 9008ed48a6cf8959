"""How strong a group's excess of errors is, and whether another group explains it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from cvlib.analysis.slice_candidates import Candidate, at_end

CUTS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)  # shares of a class that count as the end of a property
BINS = 10  # tenths of a class in which a property is taken for equal
CHANCE = 1.645  # standard deviations that one-sided chance exceeds in 5%


def excess(score: np.ndarray, stratum: np.ndarray, member: np.ndarray) -> float:
    """Members' score above that of a random group, in standard deviations (z); 0 without chance.

    score, stratum, member: as in `share_test.exact_share_test`. A random group of k of the n
    images of a stratum scores k m on average, with variance k (n - k) / (n - 1) v, where m and v
    are the stratum's mean and (over n) variance; strata are independent.
    Source: Mantel, JASA 58(303), 1963.
    """
    codes = np.unique(stratum, return_inverse=True)[1]
    images = np.bincount(codes)
    mean = np.bincount(codes, weights=score) / images
    variance = np.maximum(0.0, np.bincount(codes, weights=score**2.0) / images - mean**2)
    drawn = np.bincount(codes[member], minlength=len(images))
    spread = float((drawn * (images - drawn) / np.maximum(images - 1, 1) * variance).sum())
    above = float(score[member].sum() - drawn @ mean)
    return above / math.sqrt(spread) if spread > 1e-9 else 0.0


def strongest_excess(
    item: Candidate,
    score: np.ndarray,
    labels: np.ndarray,
    positions: Mapping[str, np.ndarray],
    share: float,
    min_images: int,
) -> float:
    """Excess of a group; of a property's end the largest over CUTS and `share`.

    Where errors depend on one property, no other splits off more of them at the same cut, but a
    correlated one may come close to it at a cut that is not the true one.
    """
    scores, strata = score[item.scope], labels[item.scope]
    found = [excess(scores, strata, item.member)]
    if item.property is not None and item.end is not None:
        position = positions[item.property][item.scope]
        for cut in CUTS:
            member = at_end(position, item.end, cut)
            if cut != share and member.sum() >= min_images:
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
