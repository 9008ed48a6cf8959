"""What the journal shows as the cost of runs: compute seconds where all have them, else wall time.

Wall time on a shared machine measures its neighbours, too. Compute seconds (`Clock` in
cvlib/training/clock.py) are of the processor or of the device, and compare where they are of one.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cvlib.journal import numbers

if TYPE_CHECKING:
    from cvlib.journal.results import VariantResults
    from cvlib.results.run import Run

COST = "seconds"  # the name for what is shown, in columns, ratios and claims
LARGEST_RATIO = 1.2  # of the times of equal work, before they are said to differ
# What a training may vary without computing more or less; of the optimiser all but its name.
_FREE = ("schedule", "head_lr", "layer_decay", "label_smoothing")


@dataclass(frozen=True)
class Cost:
    """metric: of a run; column: the same of an epoch, in its history; unit and why in words."""

    metric: str
    column: str
    unit: str
    why: str = ""

    @property
    def note(self) -> str:
        """`times: CPU seconds`, for the line below what shows them."""
        return f"times: {self.unit}{self.why}"


def cost(variants: Iterable[VariantResults]) -> Cost:
    """What tells the cost of all of these: what every run of them has."""
    return _cost(run for variant in variants for run in variant.runs.values())


def cost_metric(metric: str, variants: Iterable[VariantResults]) -> str:
    """The metric that is meant: `seconds` is the cost of these variants, any other is itself."""
    return cost(variants).metric if metric == COST else metric


def uneven(variants: Iterable[VariantResults]) -> str:
    """`times of equal work differ by …` of these variants, see `uneven_times`."""
    return uneven_times(
        [(str(variant.label), run) for variant in variants for run in variant.runs.values()]
    )


def uneven_times(runs: Iterable[tuple[str, Run]]) -> str:
    """Says where the cost of equal work differs by over a fifth, in a clause; '' where none does.

    runs: with the name of their variant. Equal work is the same data, model and training, but for
    the seed and what makes nothing more to compute: the weights that are started from, the
    optimiser's numbers, schedule and label smoothing. So FLOPs, images and epochs are equal, too;
    those alone would not do: a group norm and a frozen stage leave them as they are.
    """
    named = list(runs)
    metric = _cost(run for _, run in named).metric
    groups: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for name, run in named:
        if run.metrics.get(metric, 0) > 0:
            groups[_work(run)].append((float(run.metrics[metric]), name))
    extremes = [(min(group), max(group)) for group in groups.values()]
    if not extremes:
        return ""
    (low, first), (high, last) = max(extremes, key=lambda pair: pair[1][0] / pair[0][0])
    if high / low <= LARGEST_RATIO:
        return ""
    least, most = numbers.two_digits(low), numbers.two_digits(high)
    where = f"{least} to {most} s" if first == last else f"{least} s, {last}: {most} s"
    return (
        f"times of equal work differ by up to {numbers.ratio(high / low)} times ({first}: {where}): "
        "the machine was busy or not the same, so compare them with care"
    )


def _cost(runs: Iterable[Run]) -> Cost:
    found = list(runs)
    kinds = {str(run.provenance.get("environment", {}).get("device", "cpu")) for run in found}
    everywhere = all(
        "train_compute_seconds" in run.metrics
        and all("compute_seconds" in epoch for epoch in run.history)
        for run in found
    )
    if everywhere and len(kinds) <= 1:
        unit = "CPU seconds" if kinds <= {"cpu"} else "device seconds"
        return Cost("train_compute_seconds", "compute_seconds", unit)
    why = (
        ", all that runs on unlike devices share"
        if everywhere
        else ", as not every run kept others"
    )
    return Cost("train_seconds", "seconds", "wall-clock seconds", why)


def _work(run: Run) -> str:
    """The same for runs of equal work."""
    train = {name: part for name, part in run.spec["train"].items() if name not in _FREE}
    optimizer = train.pop("optimizer", {}).get("name")
    model = {name: part for name, part in run.spec["model"].items() if name != "weights"}
    return json.dumps([run.spec["dataset"], model, train, optimizer], sort_keys=True)
