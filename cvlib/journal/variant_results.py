"""One variant of an experiment with what the store holds of it, by seed. Reads; never trains."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from cvlib.journal.errors import JournalError, MissingResults
from cvlib.journal.origin import keys_of
from cvlib.journal.quantity import Words
from cvlib.journal.tested import Tested

if TYPE_CHECKING:
    from cvlib.results.run import Run
    from cvlib.studies.experiment import Variant
    from cvlib.studies.status import RunStatus

_OF_MAPS = ("silhouette", "knn_purity")


@dataclass(frozen=True, repr=False)
class VariantResults:
    """One variant with its runs, one a seed.

    names_experiment: whether its label begins with the experiment, see `told_apart`; chosen_by: keys
    of the runs that it was chosen by, where it is the best of several.
    """

    experiment: str
    variant: Variant
    statuses: tuple[RunStatus, ...]
    names_experiment: bool = False
    chosen_by: tuple[str, ...] = field(default=(), compare=False)
    _tested: dict[int, Tested] = field(default_factory=dict, compare=False)

    @property
    def id(self) -> str:
        """`exp02/probe`: tells it apart from every variant of every experiment."""
        return f"{self.experiment}/{self.name}"

    @property
    def name(self) -> str:
        """Its key in the experiment's YAML."""
        return self.variant.name

    @property
    def label(self) -> str:
        """Its name in tables and figures."""
        return self._label

    @property
    def _label(self) -> Words:
        label = f"{self.experiment} " * self.names_experiment + self.variant.label
        # that of a variant which was named comes from the YAML: `3×3 filters` holds numbers, too
        source = "" if self.chosen_by else f"experiments/{self.experiment}.yaml"
        return Words(label, self.chosen_by, source)

    @property
    def factor(self) -> str:
        """What it varies; empty for the base."""
        return self.variant.factor or ""

    def __str__(self) -> str:
        return self.label

    def __repr__(self) -> str:
        return f"<{self.id}: {len(self.runs)} of {len(self.statuses)} runs>"

    def _repr_markdown_(self) -> str:
        return self._label._repr_markdown_()

    @cached_property
    def runs(self) -> dict[int, Run]:
        """Seed -> run, for the seeds that have a result."""
        return {s.planned.seed: s.result for s in self.statuses if s.result is not None}

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Keys of its runs that have a result, seeds in order."""
        return keys_of([self])

    @property
    def has_epochs(self) -> bool:
        """Whether it is trained epoch by epoch; a probe of frozen features is not."""
        return hasattr(self.variant.spec.train, "epochs")

    @property
    def is_skipped(self) -> bool:
        """Whether it was left out, its weights not to be had, and nothing of it is stored."""
        return bool(self.statuses) and all(
            s.state == "skipped" and s.result is None for s in self.statuses
        )

    @property
    def skip_reason(self) -> str:
        """Why it was left out, one line without a full stop."""
        reason = self.statuses[0].reason if self.is_skipped else ""
        return reason.strip().rstrip(".") or "no reason is known"

    @cached_property
    def is_deterministic(self) -> bool:
        """Whether nothing in it is random: every seed, of two or more, gave the same test logits."""
        runs = list(self.runs.values())
        if len(runs) < 2 or len({run.metrics.get("test_accuracy") for run in runs}) > 1:
            return False
        return len({self.tested(seed).logits_digest for seed in self.runs}) == 1

    @property
    def is_complete(self) -> bool:
        """Whether every seed has a result."""
        return len(self.runs) == len(self.statuses)

    @property
    def is_stale(self) -> bool:
        """Whether a result that is shown was made by code or an environment that changed since."""
        return any(s.state == "stale" and s.result is not None for s in self.statuses)

    @property
    def state_words(self) -> str:
        """The states of its runs: `skipped`, `failed, missing`."""
        return ", ".join(dict.fromkeys(status.state for status in self.statuses))

    def absence(self) -> str:
        """Why results are missing, in words: `failed: loss is nan (seeds 0, 1)`; '' when complete."""
        reasons: dict[str, list[str]] = {}
        for status in self.statuses:
            if status.result is None:
                why = status.state + (f": {status.reason}" if status.reason else "")
                reasons.setdefault(why, []).append(str(status.planned.seed))
        return "; ".join(
            f"{why} (seed{'s' * (len(seeds) != 1)} {', '.join(seeds)})"
            for why, seeds in reasons.items()
        )

    def need(self) -> VariantResults:
        """Itself, when at least one seed has a result; raises MissingResults else."""
        if self.is_skipped:
            raise MissingResults(
                f"{self.experiment}: variant {self.name!r} was skipped, so it has no results: "
                f"{self.skip_reason}. `cvlib run {self.experiment}` makes them once that changes."
            )
        if not self.runs:
            raise MissingResults(
                f"{self.experiment}: no result for variant {self.name!r}: {self.absence()}. "
                f"`cvlib run {self.experiment}` trains it (in a chapter: exp.run())."
            )
        return self

    def values(self, metric: str) -> np.ndarray:
        """A metric of every seed that has a result, (S,) float64, in the order of seeds."""
        return np.array([self.value(metric, seed) for seed in self.need().runs])

    @cached_property
    def left_out(self) -> dict[str, str]:
        """Metric -> why it was left out, as the runs say: the data was too small for it."""
        found: dict[str, str] = {}
        for run in self.runs.values():
            for row in run.tables.get("maps_left_out", []):
                found |= dict.fromkeys(_OF_MAPS, str(row["reason"]))
            for row in run.tables.get("left_out", []):
                found[str(row["metric"])] = str(row["reason"])
        return {metric: reason.strip().rstrip(".") for metric, reason in found.items()}

    def mean(self, metric: str) -> float:
        """Mean of a metric over the seeds that have a result."""
        return float(self.values(metric).mean())

    def tested(self, seed: int) -> Tested:
        """How one run did on each test image; read once."""
        if seed not in self._tested:
            self._tested[seed] = Tested.of(self.runs[seed])
        return self._tested[seed]

    def value(self, metric: str, seed: int) -> float:
        """A metric of one run; raises JournalError that lists the metrics there are."""
        metrics = self.runs[seed].metrics
        if metric not in metrics and metric in self.left_out:
            raise MissingResults(f"{self.id} has no {metric}: {self.left_out[metric]}")
        if metric not in metrics:
            raise JournalError(
                f"{self.id} has no metric {metric!r}; it has: {', '.join(sorted(metrics))}"
            )
        return float(metrics[metric])

    def history(self, column: str) -> np.ndarray:
        """A column of the history, (S, E) float64: seeds by epochs."""
        rows = []
        for run in self.need().runs.values():
            if not run.history:
                raise JournalError(
                    f"{self.id} is not trained in epochs "
                    f"({getattr(self.variant.spec.train, 'mode', 'a probe')}), so it has no "
                    f"{column} by epoch; name a variant that is, or ask for a metric"
                )
            if column not in run.history[0]:
                raise JournalError(
                    f"the history of {self.id} has no {column!r}; it has: "
                    f"{', '.join(run.history[0])}"
                )
            rows.append([float(row[column]) for row in run.history])
        return np.array(rows)


def shared_seeds(first: VariantResults, second: VariantResults) -> list[int]:
    """Seeds with a result of both; raises MissingResults when there is none."""
    seeds = [seed for seed in first.need().runs if seed in second.need().runs]
    if not seeds:
        raise MissingResults(
            f"{first.id} and {second.id} have no seed in common with results "
            f"of both; `cvlib run {first.experiment}` trains what is missing."
        )
    return seeds
