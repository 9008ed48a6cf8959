"""How soon a variant's validation accuracy is there, seed by seed, for tables and sentences."""

from __future__ import annotations

import numpy as np

from cvlib.analysis.convergence import reach, reach_share_of_best
from cvlib.journal import numbers
from cvlib.journal.quantity import Quantity
from cvlib.journal.results import VariantResults

SHARE = 0.95  # of a run's own best


def times_to(variant: VariantResults, what: str, target: float | None) -> list[float] | None:
    """Epochs or seconds until a validation accuracy, of the seeds that reach it.

    what: `epochs` or `seconds`; target: a share in 0..1, None: 95% of the run's own best.
    None when it makes no sense: a probe has no epochs. A probe that ends above the target gets
    there when it is done, extraction of features included.
    """
    if not variant.need().has_epochs:
        if what == "epochs" or target is None:
            return None
        pairs = zip(variant.values("val_accuracy"), variant.values("train_seconds"), strict=True)
        return [float(seconds) for accuracy, seconds in pairs if accuracy >= target]
    found = []
    for run in variant.runs.values():
        scores, seconds = (
            np.array([float(row[name]) for row in run.history])
            for name in ("val_accuracy", "seconds")
        )
        if target is None:
            found.append(reach_share_of_best(scores, seconds, SHARE))
        elif reached := reach(scores, seconds, target):
            found.append(reached)
    return [float(getattr(one, what)) for one in found]


def cell(variant: VariantResults, what: str, target: float | None) -> str:
    """Mean over the seeds that got there, for a table."""
    found = times_to(variant, what, target)
    if found is None:
        return numbers.NO_VALUE
    if not found:
        return "not reached"
    text = numbers.two_digits(float(np.mean(found)))
    return text if len(found) == len(variant.runs) else f"{text} ({len(found)} seeds)"


def quantity(variant: VariantResults, what: str, target: float | None) -> Quantity:
    """The same for a sentence: `12 s`, `3.5 epochs`, `not reached`."""
    found = times_to(variant, what, target)
    if found is None:
        return Quantity("no epochs")
    if not found:
        return Quantity("not reached", stale=variant.is_stale)
    mean = float(np.mean(found))
    text = numbers.duration(mean) if what == "seconds" else f"{numbers.two_digits(mean)} epochs"
    if text == "1.0 epochs":
        text = "1 epoch"
    if len(found) < len(variant.runs):
        text += f" ({len(found)} of {len(variant.runs)} seeds)"
    return Quantity(text, mean, stale=variant.is_stale)
