"""Error rates of a group of images and of the others of its classes, with their difference."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cvlib.analysis.intervals import Interval, wilson_interval


@dataclass(frozen=True)
class Rates:
    """Error rates, shares 0..1, of members and of the rest, and members' minus rest's."""

    rate: Interval
    rest: Interval
    difference: Interval


def compare_rates(
    error: np.ndarray,
    stratum: np.ndarray,
    member: np.ndarray,
    *,
    confidence: float = 0.95,
    confidence_of_difference: float = 0.95,
) -> Rates:
    """Compare members with the rest as if the rest had the members' mix of strata (classes).

    error: (N,) shares 0..1 of the seeds that get the image wrong; stratum: (N,) whole numbers;
    member: (N,) bool, of each stratum that has members some images must be none (ValueError).
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
    if not inside.any() or (outside[inside > 0] == 0).any():
        raise ValueError(
            "compare_rates: members of a class can only be compared if there are some, and others "
            "of that class; leave out the classes of which all images are members"
        )
    of_rest = np.bincount(codes[~member], weights=error[~member], minlength=strata)
    used = inside > 0
    weights = inside[used] / inside.sum()
    rest_share = float(weights @ (of_rest[used] / outside[used]))
    rest_images = max(1.0, float(1 / (weights**2 / outside[used]).sum()))
    images, share = float(inside.sum()), float(error[member].mean())
    return Rates(
        rate=_wilson(share, images, confidence),
        rest=_wilson(rest_share, rest_images, confidence),
        difference=newcombe(
            _wilson(share, images, confidence_of_difference),
            _wilson(rest_share, rest_images, confidence_of_difference),
        ),
    )


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


def _wilson(share: float, images: float, confidence: float) -> Interval:
    # sums in another order may leave a share above 1 by an ulp
    return wilson_interval(min(share, 1.0) * images, images, confidence)  # type: ignore[arg-type]
