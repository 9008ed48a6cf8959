"""What a chapter may show of one experiment, as digests by what they are of."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cvlib.data.sources.paths import dataset_path
from cvlib.project import Project, ProjectError
from cvlib.results.files import canonical_json, sha256_text
from cvlib.results.store import Store
from cvlib.studies.experiment import SpecError, load_experiment
from cvlib.studies.fingerprints import Fingerprints
from cvlib.studies.plan import Plan, resolve
from cvlib.studies.starts import Starts
from cvlib.studies.status import Inspector, RunStatus

if TYPE_CHECKING:
    from cvlib.studies.experiment import Experiment


@dataclass(frozen=True)
class ExperimentDigests:
    """One experiment as it is now.

    digests: `spec exp01 title`, `spec exp01 base`, …, `results exp01 base`, … -> 16 hex digits.
    words: for results that are not all fresh, what they are.
    """

    digests: dict[str, str]
    words: dict[str, str] = field(default_factory=dict)


class ExperimentReader:
    """Reads the experiments of one project; each is read once. Trains and fetches nothing.

    source: the folder that holds the package `cvlib`, for the code that runs were made with.
    """

    def __init__(self, layout: Project, source: Path | None = None) -> None:
        self._layout = layout
        self._store = Store(layout.runs)
        self.inspector = Inspector(self._store, source)
        self._fingerprints = Fingerprints(layout.data, layout.runs)
        self._starts = Starts(layout.root, layout.data, layout.runs)
        self._plans: dict[str, Plan] = {}
        self._statuses: dict[str, list[RunStatus]] = {}
        self._known: dict[str, ExperimentDigests] = {}

    def plan(self, name: str) -> Plan:
        """The runs that an experiment asks for. Raises SpecError or ProjectError."""
        if name not in self._plans:
            experiment = load_experiment(self._layout, name)
            self._plans[name] = resolve(experiment, self._fingerprints, self._starts)
        return self._plans[name]

    def statuses(self, name: str) -> list[RunStatus]:
        """What each of its runs is, in the order of the plan. Raises as `plan` does."""
        if name not in self._statuses:
            self._statuses[name] = self.inspector.inspect(self.plan(name).runs)
        return self._statuses[name]

    def read_so_far(self) -> list[RunStatus]:
        """What the runs are of all experiments that were asked for until now."""
        return [status for statuses in self._statuses.values() for status in statuses]

    def read(self, name: str) -> ExperimentDigests:
        """The experiment's digests. One that cannot be read has the error for its digest."""
        if name not in self._known:
            try:
                self._known[name] = self._digests(self.plan(name).experiment, self.statuses(name))
            except (SpecError, ProjectError) as error:
                # not ours to report: executing the chapter says it, with its line
                self._known[name] = ExperimentDigests({f"spec {name}": digest(str(error))})
        return self._known[name]

    def fingerprint(self, name: str) -> str:
        """Digest of the numbers alone: what the runs' folders and the reviews say."""
        runs = [
            [run.variant, run.seed, self._store.digest(run.key or "-")]
            for run in self.plan(name).runs
        ]
        reviews = self._layout.reviews / f"{name}.json"
        reviewed = hashlib.sha256(reviews.read_bytes()).hexdigest() if reviews.exists() else ""
        return sha256_text(canonical_json([runs, reviewed]))

    def paths_outside(self) -> list[Path]:
        """Files and folders that the experiments read so far name by a path."""
        found = []
        for plan in self._plans.values():
            for variant in plan.experiment.variants:
                kind, _, path = variant.spec.dataset.name.partition(":")
                if path:
                    where = dataset_path(f"{kind}:{path}", self._layout.data)
                    found.append(where.parent if "*" in where.name else where)
                weights = getattr(variant.spec.model, "weights", None)
                if weights not in (None, "pretrained"):
                    found.append(self._layout.root / Path(weights).expanduser())
        return list(dict.fromkeys(found))

    def _digests(self, experiment: Experiment, statuses: Sequence[RunStatus]) -> ExperimentDigests:
        name = experiment.id
        shown = {
            "title": experiment.title,
            "question": experiment.question,
            "profile": experiment.profile,
            "seeds": list(experiment.seeds),
            "order of variants": [variant.name for variant in experiment.variants],
        }
        digests = {f"spec {name} {what}": digest(value) for what, value in shown.items()}
        words: dict[str, str] = {}
        for variant in experiment.variants:
            spec = variant.spec.canonical()
            digests[f"spec {name} {variant.name}"] = digest([variant.label, variant.factor, spec])
            runs = [s for s in statuses if s.planned.variant == variant.name]
            key = f"results {name} {variant.name}"
            digests[key] = digest([self._shown_of(run) for run in runs])
            if said := _words(runs):
                words[key] = said
        return ExperimentDigests(digests, words)

    def _shown_of(self, status: RunStatus) -> list[object]:
        key = status.planned.key
        # why a run is missing tells of this machine, and no chapter shows it
        reason = "" if status.state == "missing" else status.reason
        return [key, status.state, status.cue, reason, self._store.digest(key or "-")]


def digest(value: object) -> str:
    """16 hex digits over plain data."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:16]


def _words(runs: Iterable[RunStatus]) -> str:
    said: dict[str, None] = {}
    for run in runs:
        if run.state == "stale":
            said[f"stale by {run.cue}: {run.reason}"] = None
        elif run.state == "missing":
            said["not trained yet"] = None
        elif run.state != "fresh":
            said[f"{run.state}: {run.reason}"] = None
    return "; ".join(said)
