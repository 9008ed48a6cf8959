"""From an experiment to its runs: one resolved spec and one key for each variant and seed."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cvlib.results.store import run_key
from cvlib.studies.experiment import Experiment
from cvlib.studies.fingerprints import Fingerprints
from cvlib.studies.spec import RunSpec


@dataclass(frozen=True)
class PlannedRun:
    """One run that an experiment asks for. key: None while the data's content is unknown."""

    experiment: str
    variant: str
    label: str
    factor: str | None
    seed: int
    spec: RunSpec
    dataset_fingerprint: str | None
    data_is_local: bool

    @property
    def key(self) -> str | None:
        """sha256 over canonical spec and dataset fingerprint."""
        if self.dataset_fingerprint is None:
            return None
        return run_key(self.spec.canonical(), self.dataset_fingerprint)

    @property
    def name(self) -> str:
        """For messages: `exp01/base seed 0`."""
        return f"{self.experiment}/{self.variant} seed {self.seed}"

    def with_fingerprint(self, fingerprint: str) -> PlannedRun:
        """The same run once its data is there."""
        return replace(self, dataset_fingerprint=fingerprint, data_is_local=True)


@dataclass(frozen=True)
class Plan:
    """All runs of one experiment in one profile, variants in order, seeds within."""

    experiment: Experiment
    runs: tuple[PlannedRun, ...]


def make_plan(experiment: Experiment, fingerprints: Fingerprints) -> Plan:
    """Resolve every run of an experiment; fetches nothing."""
    runs = []
    for variant in experiment.variants:
        fingerprint, is_local = fingerprints.find(variant.spec.dataset)
        for seed in experiment.seeds:
            runs.append(
                PlannedRun(
                    experiment=experiment.id,
                    variant=variant.name,
                    label=variant.label,
                    factor=variant.factor,
                    seed=seed,
                    spec=variant.spec.model_copy(update={"seed": seed}),
                    dataset_fingerprint=fingerprint,
                    data_is_local=is_local,
                )
            )
    return Plan(experiment, tuple(runs))
