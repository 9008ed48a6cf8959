"""The runs behind a traced place: whose they are, whether they are still true, how to make them again."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cvlib.project import Project
from cvlib.results.run import DamagedRun, Run
from cvlib.results.store import Store
from cvlib.studies.plan import PlannedRun
from cvlib.studies.status import Inspector


@dataclass(frozen=True)
class RunFacts:
    """One run. state: as in `cvlib status`, or `not asked for` of one that no experiment plans now.

    seconds: of training; commit: of the project when it was made; both None where not known.
    """

    key: str
    experiment: str
    variant: str
    seed: int | None
    state: str
    reason: str
    seconds: float | None
    commit: str | None

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


class RunFinder:
    """Finds runs by the first digits of their keys; reads each once."""

    def __init__(self, layout: Project) -> None:
        self._store = Store(layout.runs)
        self._inspector = Inspector(self._store)
        self._planned = [run for name in layout.experiment_ids() for run in layout.plan(name).runs]
        self._found: dict[str, RunFacts] = {}

    def facts(self, names: Iterable[str]) -> list[RunFacts]:
        """What is known of each, in the order of the experiments."""
        order = {str(run.key): place for place, run in enumerate(self._planned)}
        found = [self._facts(name) for name in names]
        return sorted(found, key=lambda run: order.get(run.key, len(order)))

    def commands(self, runs: Sequence[RunFacts]) -> list[str]:
        """What makes these runs again, one command an experiment; the fewest names that do."""
        by_experiment: dict[str, list[RunFacts]] = {}
        for run in runs:
            if run.state != "not asked for":
                by_experiment.setdefault(run.experiment, []).append(run)
        return [
            f"cvlib run {name}{self._named(name, wanted)} --rerun all"
            for name, wanted in by_experiment.items()
        ]

    def _named(self, experiment: str, wanted: list[RunFacts]) -> str:
        planned = [run for run in self._planned if run.experiment == experiment]
        keys = {run.key for run in wanted}
        if all(run.key in keys for run in planned):
            return ""
        names: dict[str, None] = {}
        for run in planned:
            if run.key in keys:
                seeds = [other for other in planned if other.variant == run.variant]
                whole = all(other.key in keys for other in seeds)
                names[run.variant if whole else f"{run.variant}@{run.seed}"] = None
        return "".join(f" --variant {shlex.quote(name)}" for name in names)

    def _facts(self, name: str) -> RunFacts:
        if name not in self._found:
            planned = [run for run in self._planned if (run.key or "").startswith(name)]
            self._found[name] = self._of_plan(planned[0]) if planned else self._of_store(name)
        return self._found[name]

    def _of_plan(self, planned: PlannedRun) -> RunFacts:
        (status,) = self._inspector.inspect([planned])
        state, reason = str(status.state), status.reason
        if status.cue:
            state += f" by {status.cue}"
        return RunFacts(
            str(planned.key),
            planned.experiment,
            planned.variant,
            planned.seed,
            state,
            reason,
            *_made(status.result),
        )

    def _of_store(self, name: str) -> RunFacts:
        """A run that was shown and that no experiment asks for any more."""
        keys = [key for key in self._store.keys() if key.startswith(name)]  # noqa: SIM118 - not a mapping
        if not keys:
            return RunFacts(name, "", "", None, "gone", "no run has this key", None, None)
        try:
            run = self._store.read(keys[0])
        except DamagedRun as damage:
            return RunFacts(keys[0], "", "", None, "damaged", str(damage), None, None)
        made = run.provenance.get("made_for", {})
        why = "no experiment asks for it any more"
        return RunFacts(
            run.key,
            str(made.get("experiment", "")),
            str(made.get("variant", "")),
            made.get("seed"),
            "not asked for",
            why,
            *_made(run if isinstance(run, Run) else None),
        )


def _made(run: Run | None) -> tuple[float | None, str | None]:
    """Seconds of training, and the commit it was made at."""
    if run is None:
        return None, None
    return run.metrics.get("train_seconds"), run.provenance.get("git_commit")
