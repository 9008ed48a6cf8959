"""What the store holds of one experiment, by variant and seed. Reads; never trains."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from cvlib.journal.errors import JournalError, MissingResults
from cvlib.journal.handle import of_experiment
from cvlib.journal.quantity import Quantity, Skipped, Words, keys_of
from cvlib.journal.words import counted, grouped

if TYPE_CHECKING:
    import pandas as pd

    from cvlib.project import Project
    from cvlib.results.run import Predictions, Run
    from cvlib.studies.experiment import Experiment, Variant
    from cvlib.studies.status import RunStatus

_OF_MAPS = ("silhouette", "knn_purity")


@dataclass(frozen=True, eq=False)
class Tested:
    """correct: (N,) bool; labels, ids: (N,) int64; classes: C; logits_digest: of all logits."""

    correct: np.ndarray
    labels: np.ndarray
    ids: np.ndarray
    classes: int
    logits_digest: str

    @classmethod
    def of(cls, run: Run) -> Tested:
        """Read a run's predictions once; a hundred runs' logits would not be kept lightly."""
        read = run.predictions()
        digest = hashlib.sha256(np.ascontiguousarray(read.logits).tobytes()).hexdigest()
        return cls(read.correct, read.labels, read.ids, read.logits.shape[1], digest)


@dataclass(frozen=True, repr=False)
class VariantResults:
    """One variant with its runs, one a seed.

    names_experiment: whether its label begins with the experiment, see `told_apart`; chosen_by: keys
    of the runs that it was chosen by, where it is the best of several.
    """

    experiment: str
    variant: Variant
    statuses: tuple[RunStatus, ...]
    project: Project = field(compare=False)
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
    def label(self) -> Words:
        """Its name in tables and figures."""
        label = f"{self.experiment} " * self.names_experiment + self.variant.label
        # that of a variant which was named comes from the YAML: `3×3 filters` holds numbers, too
        source = "" if self.chosen_by else self.declared_in
        return Words(label, self.chosen_by, source)

    @property
    def is_base(self) -> bool:
        """Whether it is the one called `base`, which varies nothing."""
        return self.name == "base"

    @property
    def declared_in(self) -> str:
        """`experiments/exp01.yaml`: its file, from the project's root."""
        return f"experiments/{self.experiment}.yaml"

    @property
    def factor(self) -> str:
        """What it varies; empty for the base."""
        return self.variant.factor or ""

    def __str__(self) -> str:
        return self.label

    def __repr__(self) -> str:
        return f"<{self.id}: {len(self.runs)} of {len(self.statuses)} runs>"

    def _repr_markdown_(self) -> str:
        return self.label._repr_markdown_()

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
        return not self.runs and {status.state for status in self.statuses} == {"skipped"}

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
        reasons = grouped(
            (status.state + (f": {status.reason}" if status.reason else ""), status.planned.seed)
            for status in self.statuses
            if status.result is None
        )
        return "; ".join(
            f"{why} (seed{'s' * (len(seeds) != 1)} {', '.join(map(str, seeds))})"
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

    def has(self, metric: str) -> bool:
        """Whether every run that has a result has this metric."""
        return all(metric in run.metrics for run in self.runs.values())

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


Name = str | VariantResults
Shown = TypeVar("Shown", bound=Quantity)


@dataclass(frozen=True, repr=False)
class Results:
    """All variants of one experiment, in the order of its YAML."""

    experiment: Experiment
    variants: tuple[VariantResults, ...]

    @classmethod
    def gather(
        cls, project: Project, experiment: Experiment, statuses: Sequence[RunStatus]
    ) -> Results:
        """Sort run states by variant."""
        variants = []
        for variant in experiment.variants:
            own = tuple(s for s in statuses if s.planned.variant == variant.name)
            variants.append(VariantResults(experiment.id, variant, own, project))
        return cls(experiment, tuple(variants))

    @property
    def runs(self) -> list[Run]:
        """Those that have a result, variants in order, seeds within."""
        return [run for variant in self.variants for run in variant.runs.values()]

    @property
    def statuses(self) -> list[RunStatus]:
        """States of all runs, variants in order, seeds within."""
        return [status for variant in self.variants for status in variant.statuses]

    def variant(self, name: Name) -> VariantResults:
        """The variant of that name; raises JournalError that lists the names there are.

        One of another experiment stands for itself.
        """
        if isinstance(name, VariantResults):
            if name.experiment != self.experiment.id:
                return name
            name = name.name
        try:
            declared = self.experiment.variant(name)
        except KeyError as error:
            raise JournalError(error.args[0]) from None
        return next(variant for variant in self.variants if variant.name == declared.name)

    def chosen(self, names: Sequence[Name] | None) -> list[VariantResults]:
        """The named variants, all when none is named: base first, then grouped by factor.

        Labels that two experiments share are told apart.
        """
        if names is not None:
            return told_apart([self.variant(name) for name in names])
        factors = ["", *(variant.factor for variant in self.variants)]
        order = list(dict.fromkeys(factors)).index
        return sorted(self.variants, key=lambda one: (not one.is_base, order(one.factor)))

    def reference(self, name: Name | None = None) -> VariantResults:
        """The variant that others are compared with: the one named, else `base`."""
        if name is not None:
            return self.variant(name)
        if base := [variant for variant in self.variants if variant.is_base]:
            return base[0]
        raise JournalError(
            f"{self.experiment.id} has no variant named 'base' to compare with; say reference=…"
        )

    def against(
        self, reference: Name | None, names: Sequence[Name] | None
    ) -> tuple[VariantResults, list[VariantResults]]:
        """The reference, and each of the chosen besides it once; raises JournalError without any."""
        base, *chosen = told_apart([self.reference(reference), *self.chosen(names)])
        others = {variant.id: variant for variant in chosen if variant.id != base.id}
        if not others:
            raise JournalError(f"{self.experiment.id}: no variant to compare with {base.name!r}")
        return base, list(others.values())

    def shown(self, variants: Sequence[VariantResults]) -> list[VariantResults]:
        """Those with a result; none when all were skipped.

        Raises MissingResults when there is no result at all and one could be made.
        """
        found = [variant for variant in variants if variant.runs]
        if not found and not (variants and all(variant.is_skipped for variant in variants)):
            name = self.experiment.id
            why = "; ".join(dict.fromkeys(v.absence() for v in variants)) or "no variants"
            raise MissingResults(
                f"{name} has no results yet ({counted(len(self.statuses), 'run')}: {why}). "
                f"`cvlib run {name}` trains them (in a chapter: exp.run())."
            )
        return found


def told_apart(variants: Sequence[VariantResults]) -> list[VariantResults]:
    """The same variants; labels that those of two experiments share begin with the experiment."""
    owners = grouped((one.variant.label, one.experiment) for one in variants)
    clashes = [len(owners[one.variant.label]) > 1 for one in variants]
    return [
        one if one.names_experiment == clash else replace(one, names_experiment=clash)
        for one, clash in zip(variants, clashes, strict=True)
    ]


def constant(variant: VariantResults, metric: str) -> float:
    """A count that all seeds share: parameters, FLOPs."""
    values = variant.values(metric)
    if len(set(values)) != 1:
        raise JournalError(f"{variant.id}: {metric} differs between seeds: {values}")
    return float(values[0])


def skipped_value(variant: VariantResults) -> Skipped:
    """What is said in place of any number of a variant that was skipped."""
    return Skipped(
        "skipped",
        reason=f"{variant.experiment}: variant {variant.name!r} was skipped, so this is no "
        f"number: {variant.skip_reason}.",
    )


def value_of(
    results: Results, names: Sequence[Name], compute: Callable[..., Shown]
) -> Shown | Skipped:
    """A value computed from these variants, and marked as that; `skipped` where one was."""
    variants = [results.variant(name) for name in names]
    for variant in variants:
        if variant.is_skipped:
            return skipped_value(variant)
    return compute(*variants).of(*variants)


@of_experiment
def metrics(results: Results) -> pd.DataFrame:
    """One row a run: variant, label, factor, seed, key, state, then every metric.

    Example: exp01.metrics()[["variant", "seed", "test_accuracy"]].head(3)
    """
    import pandas as pd

    return pd.DataFrame([{**who, **run.metrics} for who, run in _rows(results)])


@of_experiment
def history(results: Results) -> pd.DataFrame:
    """One row an epoch of a run: who, then epoch, losses, accuracies, lr, seconds.

    Example: exp01.history()[["variant", "seed", "epoch", "val_accuracy"]].head(3)
    """
    import pandas as pd

    return pd.DataFrame([{**who, **epoch} for who, run in _rows(results) for epoch in run.history])


@of_experiment
def predictions(results: Results, variant: Name, seed: int) -> Predictions:
    """Test logits (N, C), labels (N,) and ids (N,) of one run.

    Example: exp01.predictions("base", seed=0).logits.shape
    """
    found = results.variant(variant).need()
    if seed not in found.runs:
        raise JournalError(f"{found.id} has no result for seed {seed}; it has: {list(found.runs)}")
    return found.runs[seed].predictions()


def _rows(results: Results) -> Iterator[tuple[dict[str, Any], Run]]:
    for variant in results.shown(results.variants):
        who = {"variant": variant.name, "label": variant.label, "factor": variant.factor}
        for status in variant.statuses:
            if status.result is not None:
                run = {"seed": status.planned.seed, "key": status.planned.key}
                yield {**who, **run, "state": status.state}, status.result
