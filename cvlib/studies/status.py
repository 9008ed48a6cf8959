"""What each planned run is: fresh, missing, stale, failed, damaged or skipped, and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cvlib.results.run import DamagedRun, FailedRun, Run
from cvlib.results.store import Store
from cvlib.studies.code import code_fingerprint, entries
from cvlib.studies.cues import code_cue, data_cue, environment_cue, spec_cue, weights_cue
from cvlib.studies.environment import CUE, package_versions
from cvlib.studies.plan import PlannedRun

State = Literal["fresh", "missing", "stale", "failed", "damaged", "skipped"]
Cue = Literal["spec", "data", "code", "environment"]


@dataclass(frozen=True)
class RunStatus:
    """One planned run and what the store holds of it.

    result: the run itself where there is one to read: fresh, or stale by code or environment.
    """

    planned: PlannedRun
    state: State
    cue: Cue | None = None
    reason: str = ""
    result: Run | None = None
    failure: FailedRun | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain data for `cvlib status --json`."""
        return {
            "experiment": self.planned.experiment,
            "variant": self.planned.variant,
            "seed": self.planned.seed,
            "key": self.planned.key,
            "state": self.state,
            "cue": self.cue,
            "reason": self.reason,
        }


class Inspector:
    """Compares planned runs with one store. What it computes once serves every run.

    source: the folder that holds the package `cvlib`; None: where this one lies.
    """

    def __init__(self, store: Store, source: Path | None = None) -> None:
        self._store = store
        self._source = source
        self._code: dict[tuple[str, ...], dict[str, str]] = {}
        self._versions = package_versions()
        self._read: dict[str, Run | FailedRun | DamagedRun] = {}
        self._made_for: dict[tuple[str, str, int], list[str]] | None = None

    def inspect(self, runs: Iterable[PlannedRun]) -> list[RunStatus]:
        """Status of each run, in the order given."""
        return [self._inspect(run) for run in runs]

    def unreferenced(self, runs: Iterable[PlannedRun]) -> list[str]:
        """Keys in the store that none of `runs` asks for, sorted."""
        return sorted(set(self._store.keys()) - {run.key for run in runs})

    def _inspect(self, planned: PlannedRun) -> RunStatus:
        key, start = planned.key, planned.start
        found = None if key is None else self._find(key)
        if found is None and start.needed and not start.is_local and start.unreachable:
            return RunStatus(planned, "skipped", reason=start.unreachable)
        if key is None:
            what = "data is" if planned.dataset_fingerprint is None else "weights are"
            return RunStatus(planned, "missing", reason=f"the {what} not on this machine yet")
        if found is None:
            return self._absent(planned, key)
        if isinstance(found, DamagedRun):
            return RunStatus(planned, "damaged", reason=str(found))
        code = code_cue(found.provenance["code"], self._code_of(planned))
        if isinstance(found, FailedRun):
            cue: Cue | None = "code" if code else None
            return RunStatus(planned, "failed", cue, found.reason, failure=found)
        if code:
            return RunStatus(planned, "stale", "code", code, found)
        environment = environment_cue(found.provenance["packages"], self._versions, CUE)
        if environment:
            return RunStatus(planned, "stale", "environment", environment, found)
        return RunStatus(planned, "fresh", result=found)

    def _code_of(self, planned: PlannedRun) -> dict[str, str]:
        modules = entries(planned.spec)
        if modules not in self._code:
            self._code[modules] = code_fingerprint(modules, self._source)
        return self._code[modules]

    def _absent(self, planned: PlannedRun, key: str) -> RunStatus:
        closest: tuple[int, RunStatus] | None = None
        for other in self._predecessors(planned):
            spec = spec_cue(other.spec, planned.spec.canonical())
            data = data_cue(other.dataset_fingerprint, planned.dataset_fingerprint or "")
            data = data or weights_cue(other.weights_sha256, planned.start.sha256)
            cue: Cue = "spec" if spec else "data"
            difference = spec.count("; ") + 1 if spec else 0
            if closest is None or difference < closest[0]:
                closest = difference, RunStatus(planned, "stale", cue, spec or data or "")
        if closest:
            return closest[1]
        reason = "under way, the next call goes on" if self._store.is_under_way(key) else ""
        return RunStatus(planned, "missing", reason=reason)

    def _predecessors(self, planned: PlannedRun) -> list[Run | FailedRun]:
        """Runs made earlier for the same variant and seed, under another spec or other data."""
        if self._made_for is None:
            self._made_for = defaultdict(list)
            for key in self._store.keys():  # noqa: SIM118 - not a mapping
                run = self._find(key)
                if isinstance(run, Run | FailedRun):
                    made = run.provenance["made_for"]
                    name = made["experiment"], made["variant"], made["seed"]
                    self._made_for[name].append(key)
        keys = self._made_for.get((planned.experiment, planned.variant, planned.seed), [])
        found = [self._find(key) for key in keys]
        return [run for run in found if isinstance(run, Run | FailedRun)]

    def _find(self, key: str) -> Run | FailedRun | DamagedRun | None:
        if key not in self._read:
            try:
                self._read[key] = self._store.read(key)
            except KeyError:
                return None
            except DamagedRun as damage:
                self._read[key] = damage
        return self._read[key]


def needs_work(status: RunStatus, rerun: str | None) -> bool:
    """Whether `cvlib run` works on a run.

    Missing, damaged, and stale by spec or data: always. A failure that would come again, a
    diverged loss, is repeated only once the code changed. What was skipped for want of weights stays
    so until they are on this machine. rerun: `code`, `environment`, `failed`, `skipped` or `all`
    add those.
    """
    if status.state == "skipped":
        return rerun in ("skipped", "all")
    if rerun == "all" or status.state in ("missing", "damaged"):
        return True
    if status.state == "stale":
        return status.cue in ("spec", "data", rerun)
    if status.state == "failed":
        lasting = status.failure is not None and status.failure.lasting
        return not lasting or status.cue == "code" or rerun == "failed"
    return False
