"""Do two models err on the same images? Error consistency for a sentence."""

from __future__ import annotations

import itertools
import math

import numpy as np

from cvlib.analysis.agreement import agreement
from cvlib.analysis.intervals import bootstrap_interval
from cvlib.journal import numbers
from cvlib.journal.mistake_cases import Cases, Model
from cvlib.journal.quantity import Quantity, Skipped
from cvlib.journal.variant_results import VariantResults

_RESAMPLES = 500


def consistency(
    cases: Cases, first: str | VariantResults, second: str | VariantResults | None
) -> Quantity:
    """Mean kappa over pairs of seeds, with a bootstrap interval over the images of both."""
    one = cases.model(first)
    two = one if second is None else cases.model(second)
    ids = np.intersect1d(one.ids, two.ids)
    if one is two:
        correct = _right(one, ids)
        pairs = list(itertools.combinations(range(len(correct)), 2))
    else:
        correct = np.concatenate([_right(one, ids), _right(two, ids)])
        seeds = len(one.predicted)
        pairs = list(itertools.product(range(seeds), range(seeds, len(correct))))
    if not pairs:
        reason = f"{one.variant.id} has one seed, so there is no other to compare it with"
        return Skipped("not known (one seed)", reason=reason)
    if len(ids) < 2:
        return Skipped("not known (one image in common)", reason="kappa needs two images or more")

    def kappa(rows: np.ndarray) -> float:
        of_pairs = {(pair.a, pair.b): pair.kappa for pair in agreement(rows.T).pairs}
        return float(np.mean([of_pairs[pair] for pair in pairs]))

    found = bootstrap_interval(correct.T, kappa, seed=0, resamples=_RESAMPLES)
    if not math.isfinite(found.low):
        return Skipped("undefined", reason="a model that errs nowhere has no error consistency")
    text = numbers.difference(found.estimate, found.low, found.high, plus=False)
    stale = one.variant.is_stale or two.variant.is_stale
    return Quantity(text, found.estimate, found.low, found.high, stale)


def _right(model: Model, ids: np.ndarray) -> np.ndarray:
    return ~model.wrong[:, [model.row_of[image] for image in ids.tolist()]]
