"""What each planned run is: fresh, missing, stale, failed, damaged or skipped, and why.

Four cues make a run stale. spec and data decide its key: when they change, the run that an
experiment asks for is another one, and the cue says in what it differs from the one that was made
last. code and environment leave the key alone: the result stands, and is marked, until it is made
again or `cvlib confirm` has shown that the present code gives the same numbers.
"""

from __future__ import annotations

import platform
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

from cvlib.errors import CvlibError
from cvlib.files import DamagedFile, canonical_json, read_note, sha256_text
from cvlib.results.run import DamagedRun, FailedRun, Run
from cvlib.results.store import Store
from cvlib.studies.plan import Plan, PlannedRun
from cvlib.studies.spec import entries
from cvlib.studies.syntax import changed_modules, code_fingerprint, packages_imported, version_here

RunState = Literal["fresh", "missing", "stale", "failed", "damaged", "skipped"]
Cue = Literal["spec", "data", "code", "environment"]

# Packages whose version can change the numbers of a run that uses them, by the name they are
# imported by; and what they do their work with.
PACKAGES = {
    **{name: name for name in ("torch", "torchvision", "timm", "numpy", "scipy")},
    **{"PIL": "pillow", "sklearn": "scikit-learn", "openTSNE": "opentsne"},
}
_WORKS_WITH = {"timm": ("torchvision",), "openTSNE": ("sklearn", "scipy")}
VERSION_OF = "package "  # before the name of one, among what a run was made with
MODULES_NAMED = 4  # of those that changed
CONFIRMED = "confirmed.json"


@dataclass(frozen=True)
class RunStatus:
    """One planned run and what the store holds of it.

    result: the run itself where there is one to read: fresh, or stale by code or environment.
    note: of a fresh run whose code changed since: how that was shown to change nothing.
    """

    planned: PlannedRun
    state: RunState
    cue: Cue | None = None
    reason: str = ""
    result: Run | None = None
    failure: FailedRun | None = None
    note: str = ""

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
            **({"note": self.note} if self.note else {}),
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
        self._made_for: dict[tuple[str, str, int], list[Run | FailedRun]] | None = None
        self._confirmed: dict[str, dict[str, Any]] | None = None

    def inspect(self, runs: Iterable[PlannedRun]) -> list[RunStatus]:
        """Status of each run, in the order given."""
        return [self._inspect(run) for run in runs]

    def unreferenced(self, runs: Iterable[PlannedRun]) -> list[str]:
        """Keys in the store that none of `runs` asks for, sorted."""
        return sorted(set(self._store.keys()) - {run.key for run in runs})

    def present_code(self, planned: PlannedRun) -> dict[str, str]:
        """Fingerprint of the code that would make this run now."""
        modules = entries(planned.spec)
        if modules not in self._code:
            self._code[modules] = code_fingerprint(modules, self._source)
        return self._code[modules]

    def present(self, planned: PlannedRun, provenance: Mapping[str, Any]) -> dict[str, str]:
        """The code that would make this run now, and the packages, of those that it recorded."""
        packages = {
            f"{VERSION_OF}{name}": version
            for name, version in self._versions.items()
            if name in provenance["packages"] and name in packages_used(planned)
        }
        return {**self.present_code(planned), **packages}

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
        failed = self._store.last_failure(key)
        failed = f"trained again and failed: {failed}" if failed else ""
        then, now = made_with(found.provenance, planned), self.present(planned, found.provenance)
        changed, note = changed_modules(then, now), ""
        code = [name for name in changed if not name.startswith(VERSION_OF)]
        if isinstance(found, FailedRun):
            cue: Cue | None = "code" if code else None
            return RunStatus(planned, "failed", cue, found.reason, failure=found)
        if changed:
            if self._confirmed is None:
                self._confirmed = read_confirmed(self._store.root)
            evidence = self._confirmed.get(change_id(planned, then, now))
            versions = ", ".join(
                f"{name.removeprefix(VERSION_OF)} {then.get(name)} → {now.get(name)}"
                for name in changed
                if name.startswith(VERSION_OF)
            )
            if evidence is None:
                # what was confirmed of the code with the packages of then holds; the others are said
                packages = {n: v for n, v in then.items() if n.startswith(VERSION_OF)}
                alone = change_id(planned, then, {**self.present_code(planned), **packages})
                if (of_code := self._confirmed.get(alone)) is not None:
                    note, code = _equal("code", of_code), []
                said = filter(None, (code_cue(code) if code else "", versions, failed))
                cue = "code" if code else "environment"
                return RunStatus(planned, "stale", cue, "; ".join(said), found, note=note)
            note = _equal("code" if code else versions, evidence)
        note = "; ".join(filter(None, (note, failed)))
        return RunStatus(planned, "fresh", result=found, note=note)

    def _absent(self, planned: PlannedRun, key: str) -> RunStatus:
        now = planned.spec.canonical()
        earlier = [(spec_changes(run.spec, now), run) for run in self._predecessors(planned)]
        if earlier:
            changes, closest = min(earlier, key=lambda one: len(one[0]))
            reason = "; ".join(changes) or _data_change(closest, planned)
            return RunStatus(planned, "stale", "spec" if changes else "data", reason)
        reason = "under way, the next call goes on" if self._store.is_under_way(key) else ""
        return RunStatus(planned, "missing", reason=reason)

    def _predecessors(self, planned: PlannedRun) -> list[Run | FailedRun]:
        """Runs made earlier for the same variant and seed, under another spec or other data."""
        if self._made_for is None:
            self._made_for = defaultdict(list)
            for key in self._store.keys():  # noqa: SIM118 - not a mapping
                if isinstance(run := self._find(key), Run | FailedRun):
                    made = run.provenance["made_for"]
                    name = made["experiment"], made["variant"], made["seed"]
                    self._made_for[name].append(run)
        return self._made_for.get((planned.experiment, planned.variant, planned.seed), [])

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


def status_text(plan: Plan, statuses: list[RunStatus]) -> str:
    """What `cvlib status` prints of an experiment, a line for each variant and state."""
    experiment = plan.experiment
    counts = Counter(status.state for status in statuses)
    summary = ", ".join(f"{n} {state}" for state, n in sorted(counts.items()))
    lines = [f"{experiment.id}  {experiment.title}  ({experiment.profile}: {summary})"]
    width = max(len(status.planned.variant) for status in statuses)

    by_variant = groupby(
        statuses, key=lambda s: (s.planned.variant, s.state, s.cue, s.reason or s.note)
    )
    for (variant, state, cue, reason), group in by_variant:
        seeds = " ".join(str(status.planned.seed) for status in group)
        why = f"  {cue + ': ' if cue else ''}{reason}" if reason else ""
        lines.append(f"  {variant:<{width}}  seed {seeds:<8} {state}{why}")
    return "\n".join(lines)


# ── what differs from the run that was made ──────────────────────────────────────────────────


def code_cue(changed: Sequence[str]) -> str:
    """`code changed since: cvlib.training.loop`; of many modules, the first four and their number."""
    more = len(changed) - MODULES_NAMED
    named = ", ".join(changed[:MODULES_NAMED]) + (f" and {more} more" if more > 0 else "")
    return f"code changed since: {named}"


def spec_changes(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Each resolved value that differs: `train.epochs: 8 → 10`."""
    before, after = flat(then), flat(now)
    return [
        f"{key}: {before.get(key, 'none')} → {after.get(key, 'none')}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]


def flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The values of nested mappings by their dotted keys."""
    found: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping):
            found.update(flat(value, f"{prefix}{key}."))
        else:
            found[prefix + key] = value
    return found


def _data_change(then: Run | FailedRun, now: PlannedRun) -> str:
    before, after = then.dataset_fingerprint, now.dataset_fingerprint or ""
    if before != after:
        return f"the dataset's content changed: {before[:10]} → {after[:10]}"
    shas = (then.weights_sha256, now.start.sha256)
    if shas[0] == shas[1]:
        return ""
    return "the pretrained weights changed: " + " → ".join(
        sha[:10] if sha else "none" for sha in shas
    )


# ── where a run was made; imports none of the packages ───────────────────────────────────────


def package_versions(planned: PlannedRun | None = None) -> dict[str, str]:
    """Python's version and the packages', without local build tags (`2.11.0`, not `2.11.0+cu130`).

    planned: those that this run uses; None: all that can matter.
    """
    found = {"python": platform.python_version()}
    names = PACKAGES.values() if planned is None else sorted(packages_used(planned))
    return found | {name: version_here(name) for name in names}


def packages_used(planned: PlannedRun) -> set[str]:
    """Names of the packages that the modules of a run import, of those that can change a number."""
    return _used(entries(planned.spec))


@cache
def _used(modules: tuple[str, ...]) -> set[str]:
    names = packages_imported(modules)
    names |= {other for name in names for other in _WORKS_WITH.get(name, ())}
    return {PACKAGES[name] for name in names if name in PACKAGES}


def made_with(provenance: Mapping[str, Any], planned: PlannedRun) -> dict[str, str]:
    """What a run was made with: the digest of each module, the version of each package it uses."""
    used = packages_used(planned)
    versions = {n: v for n, v in provenance["packages"].items() if n in used}
    return {**provenance["code"], **{f"{VERSION_OF}{name}": v for name, v in versions.items()}}


def processor_name() -> str:
    """The processor's model, such as `AMD EPYC`; the architecture where it cannot be read."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def git(root: Path, *words: str) -> str:
    """What git answers in a folder. Raises CalledProcessError, or OSError where there is no git."""
    return subprocess.run(
        ["git", "-C", str(root), *words], capture_output=True, encoding="utf-8", check=True
    ).stdout


def git_commit(root: Path) -> str | None:
    """The checked-out commit, with `+changes` where cvlib's files differ from it; None without git."""
    try:
        commit = git(root, "rev-parse", "--short=12", "HEAD").strip()
        changed = git(root, "status", "--porcelain", "--", "cvlib").strip()
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit + ("+changes" if changed else "")


# ── changes of code that were shown to change no number ──────────────────────────────────────


def _equal(what: str, evidence: Mapping[str, Any]) -> str:
    repeated = f"{len(evidence['repeated'])} of {evidence['runs']} runs repeated"
    return f"{what} changed since, {repeated}, equal"


def change_id(planned: PlannedRun, then: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Name of a change of code for runs of one kind: the kind's modules and both fingerprints."""
    return sha256_text(canonical_json([entries(planned.spec), dict(then), dict(now)]))[:16]


def read_confirmed(runs: Path) -> dict[str, dict[str, Any]]:
    """What `cvlib confirm` noted beside a store: id of a change of code -> the evidence."""
    try:
        return dict(read_note(runs / CONFIRMED).get("changes", {}))
    except (DamagedFile, TypeError, ValueError) as error:
        raise CvlibError(
            f"{error}. Restore {CONFIRMED} from git, or delete it and `cvlib confirm` makes it again."
        ) from error
