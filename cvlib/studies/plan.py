"""From an experiment to its runs: one resolved spec and one key for each variant and seed."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cvlib.models.weights.errors import ModelError
from cvlib.project import Project
from cvlib.results.store import run_key
from cvlib.studies.experiment import Experiment, SpecError
from cvlib.studies.fingerprints import Fingerprints
from cvlib.studies.spec import RunSpec
from cvlib.studies.starts import Start, Starts


@dataclass(frozen=True)
class PlannedRun:
    """One run that an experiment asks for.

    key: None while the content of its data, or of the weights that it starts from, is unknown.
    """

    experiment: str
    variant: str
    label: str
    factor: str | None
    seed: int
    spec: RunSpec
    dataset_fingerprint: str | None
    data_is_local: bool
    start: Start

    @property
    def key(self) -> str | None:
        """sha256 over canonical spec, dataset fingerprint and checksum of pretrained weights."""
        if self.dataset_fingerprint is None or not self.start.is_known:
            return None
        return run_key(self.spec.canonical(), self.dataset_fingerprint, self.start.sha256)

    @property
    def name(self) -> str:
        """For messages: `exp01/base seed 0`."""
        return f"{self.experiment}/{self.variant} seed {self.seed}"

    def ready(self, fingerprint: str, start: Start) -> PlannedRun:
        """The same run once its data and weights are there."""
        return replace(self, dataset_fingerprint=fingerprint, data_is_local=True, start=start)


@dataclass(frozen=True)
class Plan:
    """All runs of one experiment in one profile, variants in order, seeds within."""

    experiment: Experiment
    runs: tuple[PlannedRun, ...]


def make_plan(experiment: Experiment, layout: Project) -> Plan:
    """Resolve every run of an experiment; fetches nothing.

    Raises SpecError that names the variant whose backbone timm does not know, or that is no CLIP
    though it is asked zero-shot.
    """
    fingerprints = Fingerprints(layout.data, layout.runs)
    return resolve(experiment, fingerprints, Starts(layout.root, layout.data, layout.runs))


def resolve(experiment: Experiment, fingerprints: Fingerprints, starts: Starts) -> Plan:
    """The same with what earlier plans looked up."""
    runs = []
    for variant in experiment.variants:
        fingerprint, is_local = fingerprints.find(variant.spec.dataset)
        try:
            start = starts.find(variant.spec)
        except ModelError as error:
            raise SpecError(f"{experiment.id}/{variant.name}: {error}") from error
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
                    start=start,
                )
            )
    return Plan(experiment, tuple(runs))
