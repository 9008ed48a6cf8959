"""The runs behind a traced place: whose they are, whether they are still true, how to make them again."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cvlib.project import Project
from cvlib.results.run import DamagedRun, Run
from cvlib.results.store import Store
from cvlib.studies.plan import PlannedRun


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
    seconds: float | None = None
    commit: str | None = None


def facts_of(project: Project, names: Iterable[str]) -> list[RunFacts]:
    """What is known of the runs whose keys begin with these digits, in the order of the experiments."""
    planned = _planned(project)
    order = {str(run.key): place for place, run in enumerate(planned)}
    found = [_facts(project, planned, name) for name in names]
    return sorted(found, key=lambda run: order.get(run.key, len(order)))


def commands_for(project: Project, runs: Sequence[RunFacts]) -> list[str]:
    """What makes these runs again, one command an experiment; the fewest names that do."""
    by_experiment: dict[str, set[str]] = {}
    for run in runs:
        if run.state != "not asked for":
            by_experiment.setdefault(run.experiment, set()).add(run.key)
    commands = []
    for experiment, keys in by_experiment.items():
        planned = [run for run in _planned(project) if run.experiment == experiment]
        names: dict[str, None] = {}
        for one in planned:
            if one.key in keys:
                seeds = [other for other in planned if other.variant == one.variant]
                whole = all(other.key in keys for other in seeds)
                names[one.variant if whole else f"{one.variant}@{one.seed}"] = None
        if all(run.key in keys for run in planned):
            names = {}
        named = "".join(f" --variant {shlex.quote(name)}" for name in names)
        commands.append(f"cvlib run {experiment}{named} --rerun all")
    return commands


def _planned(project: Project) -> list[PlannedRun]:
    return [run for name in project.experiment_ids() for run in project.plan(name).runs]


def _facts(project: Project, every: Sequence[PlannedRun], name: str) -> RunFacts:
    for planned in every:
        if (planned.key or "").startswith(name):
            (status,) = project.inspector.inspect([planned])
            state = f"{status.state} by {status.cue}" if status.cue else str(status.state)
            of = (planned.experiment, planned.variant, planned.seed)
            return RunFacts(str(planned.key), *of, state, status.reason, *_made(status.result))
    store = Store(project.runs)
    key = next((key for key in store.keys() if key.startswith(name)), None)  # noqa: SIM118 - not a mapping
    if key is None:
        return RunFacts(name, "", "", None, "gone", "no run has this key")
    try:
        run = store.read(key)
    except DamagedRun as damage:
        return RunFacts(key, "", "", None, "damaged", str(damage))
    made = run.provenance.get("made_for", {})
    of = (str(made.get("experiment", "")), str(made.get("variant", "")), made.get("seed"))
    why = "no experiment asks for it any more"
    return RunFacts(run.key, *of, "not asked for", why, *_made(run))


def _made(run: object) -> tuple[float | None, str | None]:
    """Seconds of training, and the commit it was made at."""
    if not isinstance(run, Run):
        return None, None
    return run.metrics.get("train_seconds"), run.provenance.get("git_commit")
