"""Settle without training again whether a change of code changed any number.

A few of the runs that are stale by code are repeated, in a scratch project with a store of its own,
under the present code: the cheapest of each kind, then others as long as a function that changed was
executed by none. What they give is compared with what is stored, bit for bit, times apart. Where
this machine gives other bits than the stored run, the code of the run's commit is repeated here,
too, and the two are compared. If all are equal, the evidence is noted in the store's
`confirmed.json`, and the runs whose code changed in the same way count as fresh.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from cvlib.files import canonical_json, replace_text, sealed_json, sha256_text
from cvlib.project import Project
from cvlib.results.difference import digests, first_difference
from cvlib.results.run import Run
from cvlib.results.store import Store
from cvlib.studies.execute import Task
from cvlib.studies.executors import WorkerPool, default_workers
from cvlib.studies.plan import DATASETS_NOTE, WEIGHTS_NOTE
from cvlib.studies.progress import ProgressView
from cvlib.studies.run import carry_out, inspect, make_tasks
from cvlib.studies.spec import RunSpec, entries
from cvlib.studies.status import (
    CONFIRMED,
    VERSION_OF,
    RunStatus,
    change_id,
    flat,
    git,
    made_with,
    package_versions,
    processor_name,
    read_confirmed,
)
from cvlib.studies.syntax import (
    PACKAGE,
    SOURCE,
    changed_modules,
    code_fingerprint,
    code_parts,
    module_digest,
    module_file,
)

DEFAULT_RUNS = 10


@dataclass
class Confirmation:
    """What one call found. repeated: name of a run -> what it was equal to.

    stale: number of runs that were stale by code; fresh: of those that count as fresh now.
    covered, not_covered: what changed, by name, and was executed by a repeated run or by none.
    skipped, failed: runs that could not be repeated, with the reason. different: the number that
    differs first; nothing is noted then.
    """

    stale: int = 0
    fresh: int = 0
    repeated: dict[str, str] = field(default_factory=dict)
    covered: list[str] = field(default_factory=list)
    not_covered: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    different: str = ""
    interrupted: bool = False

    @property
    def is_over(self) -> bool:
        """Whether repeating more runs is of no use."""
        return bool(self.different or self.failed or self.interrupted)


def code_of(made_with: Mapping[str, str]) -> dict[str, str]:
    """The modules among what runs are made with."""
    return {name: d for name, d in made_with.items() if not name.startswith(VERSION_OF)}


@dataclass
class CodeChange:
    """Runs of one kind whose code changed in the same way.

    keys: of all of them; candidates: those that may be repeated, the cheapest first; parts: what
    changed, by name -> where that is executed, see `Called`; evidence: by key of a repeated run.
    """

    modules: tuple[str, ...]
    then: dict[str, str]
    now: dict[str, str]
    keys: set[str] = field(default_factory=set)
    candidates: list[RunStatus] = field(default_factory=list)
    parts: dict[str, set[tuple[str, int]]] = field(default_factory=dict)
    evidence: dict[str, dict[str, Any]] = field(default_factory=dict)


def confirm(
    project: Project,
    experiment_ids: Sequence[str] = (),
    *,
    runs: int = DEFAULT_RUNS,
    workers: int | None = None,
    view: ProgressView | None = None,
) -> Confirmation:
    """Repeat a few of the runs that are stale by code, and note what was equal.

    experiment_ids: repeat runs of these only. runs: at most so many, but one of each kind.
    """
    changes = _changes(project, experiment_ids)
    found = Confirmation(stale=sum(len(change.keys) for change in changes.values()))
    folder = project.runs / ".scratch" / f"confirm-{os.getpid()}"
    view = view or ProgressView(sys.stderr, verb="repeating")
    repeater = _Repeater(project, folder, found, workers or default_workers(), view)
    try:
        # one of each kind; where its weights are not to be had, the next
        while not found.is_over:
            first = [c for c in changes.values() if c.candidates and not c.evidence]
            if not first:
                break
            repeater.repeat([(change, change.candidates.pop(0)) for change in first])
        # then those that choose what none has chosen, while something that changed was not executed
        while not found.is_over and (room := min(repeater.workers, runs - len(found.repeated))) > 0:
            batch: list[tuple[CodeChange, RunStatus]] = []
            missing = _not_covered(changes.values(), repeater.called)
            for change in changes.values():
                for status in list(change.candidates) if missing & change.parts.keys() else ():
                    if len(batch) < room and not choices(status) <= repeater.chosen:
                        repeater.chosen |= choices(status)
                        change.candidates.remove(status)
                        batch.append((change, status))
            if not batch:
                break
            repeater.repeat(batch)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    confirmed = {name: change for name, change in changes.items() if change.evidence}
    missing = _not_covered(confirmed.values(), repeater.called)
    found.not_covered = sorted(missing)
    found.covered = sorted({part for c in confirmed.values() for part in c.parts} - missing)
    if confirmed and not found.is_over:
        _note(project.runs, confirmed, missing)
        found.fresh = sum(len(change.keys) for change in confirmed.values())
        project.forget_results()
    return found


def _changes(project: Project, experiment_ids: Sequence[str]) -> dict[str, CodeChange]:
    """What made runs stale by code or environment, by `change_id`: only where a run may be repeated."""
    for name in experiment_ids:
        project.experiment(name)  # raises ProjectError where there is none
    changes: dict[str, CodeChange] = {}
    for status in inspect(project):
        if status.state == "stale" and status.cue in ("code", "environment"):
            planned, provenance = status.planned, _result(status).provenance
            then = made_with(provenance, planned)
            now = project.inspector.present(planned, provenance)
            change = changes.setdefault(
                change_id(planned, then, now), CodeChange(entries(planned.spec), then, now)
            )
            chosen = not experiment_ids or planned.experiment in experiment_ids
            if chosen and planned.key not in [c.planned.key for c in change.candidates]:
                change.candidates.append(status)
            change.keys.add(_result(status).key)
    changes = {name: change for name, change in changes.items() if change.candidates}
    for change in changes.values():
        change.candidates.sort(key=lambda s: _result(s).metrics.get("train_seconds", 0))
        commits = sorted({_commit(status) for status in change.candidates} - {""})
        change.parts = changed_parts(project.root, commits, change.then, change.now)
    return changes


def _result(status: RunStatus) -> Run:
    assert status.result is not None, "who is stale by those has a result"
    return status.result


def _commit(status: RunStatus) -> str:
    """The commit that a run was made at, without `+changes`; '' where it is not known."""
    return str(_result(status).provenance.get("git_commit") or "").partition("+")[0]


def choices(status: RunStatus) -> set[str]:
    """What a run chooses, its numbers apart: `train.optimizer.name=adamw`, `train.epochs`."""
    return {
        key if isinstance(value, int | float) and not isinstance(value, bool) else f"{key}={value}"
        for key, value in flat(status.planned.spec.canonical()).items()
    }


# ── what changed ─────────────────────────────────────────────────────────────────────────────


def changed_parts(
    root: Path, commits: Sequence[str], then: dict[str, str], now: dict[str, str]
) -> dict[str, set[tuple[str, int]]]:
    """Functions, classes and module levels that changed, by name -> where each is executed.

    then, now: fingerprints, see `code_fingerprint`; commits: where the old source may be had. A
    function that stands in the old code under the same name and with the same meaning did not
    change, whatever module it is in now. Of modules whose old source is not to be had, all changed.
    """
    before = {}
    for module, digest in code_of(then).items():
        same = now.get(module) == digest
        sources = [_present(module)] if same else [source_at(root, c, module) for c in commits]
        for source in sources:
            if module_digest(source) == digest:  # of changes that were not committed, it is not
                before[module] = code_parts(source)
    after = {module: code_parts(_present(module)) for module in code_of(now)}
    old, new = (
        {(part.name, part.meaning) for part in chain(*parts.values())} for parts in (before, after)
    )
    found: dict[str, set[tuple[str, int]]] = defaultdict(set)
    for module, parts in after.items():
        file = str(module_file(SOURCE, module)).removeprefix(f"{SOURCE}{os.sep}")
        for part in parts:
            if (part.name, part.meaning) not in old:
                kind = "" if part.line else "class " if part.name else "module level of "
                name = f"{module}.{part.name}".rstrip(".")
                found[kind + name].add((file, part.line or 0))
        gone = {(part.name, part.meaning) for part in before.get(module, ())} - new
        if any(name == "" for name, _ in gone):
            found[f"module level of {module}"].add((file, 0))
    return dict(found)


def _present(module: str) -> str:
    path = module_file(SOURCE, module)
    return "" if path is None else path.read_text(encoding="utf-8")


@cache
def source_at(root: Path, commit: str, module: str) -> str:
    """A module's source at a commit; '' where git has none, as in a shallow clone."""
    for path in (f"{module.replace('.', '/')}.py", f"{module.replace('.', '/')}/__init__.py"):
        try:
            return git(root, "show", f"{commit}:./{path}")
        except (OSError, subprocess.CalledProcessError):
            continue
    return ""


def _not_covered(changes: Iterable[CodeChange], called: set[tuple[str, int]]) -> set[str]:
    parts = chain(*(change.parts.items() for change in changes))
    return {name for name, places in parts if not places <= called}


# ── repeating ────────────────────────────────────────────────────────────────────────────────


@dataclass
class _Repeater:
    """Repeats runs in a scratch project, and compares what comes out with what is stored.

    called, chosen: the functions and `choices` of all runs that were repeated.
    """

    project: Project
    folder: Path
    found: Confirmation
    workers: int
    view: ProgressView
    called: set[tuple[str, int]] = field(default_factory=set)
    chosen: set[str] = field(default_factory=set)

    def repeat(self, batch: Sequence[tuple[CodeChange, RunStatus]]) -> None:
        """Repeat runs under the present code; evidence, or why there is none, is entered."""
        found, planned = self.found, [status.planned for _, status in batch]
        here = scratch_project(self.project, self.folder / "now")
        tasks = {t.run.key: t for t in make_tasks(self.project, planned, found.skipped, here.runs)}
        here = scratch_project(self.project, self.folder / "now")  # with what was fetched
        on_machine: dict[tuple[str, int], list[Task]] = defaultdict(list)
        for change, status in batch:
            run = status.planned
            if task := tasks.get(run.key):
                on_machine[_machine(status)].append(replace(task, trace=True))
                self.chosen |= choices(status)
                continue
            found.skipped.setdefault(run.name, "its data or weights are others by now")
            sha256 = run.start.sha256  # whose other runs will not do, either
            left = [c for c in change.candidates if c.planned.start.sha256 != sha256]
            change.candidates = left if sha256 else change.candidates
        for (device, threads), group in on_machine.items():
            workers = min(self.workers, len(group))
            executor = WorkerPool(here, workers=workers, threads=threads, device=device)
            unfinished = {task.run.name for task in group}
            stopping = "nothing is noted."
            for run, ended in carry_out(self.project, executor, group, self.view, stopping):
                self.called |= ended.called
                if ended.how in ("failed", "stopped"):
                    found.failed[run.name] = ended.reason
                if ended.how not in ("held", "interrupted"):
                    unfinished.discard(run.name)
            found.interrupted |= bool(unfinished)
            if found.is_over:
                return
        for change, status in batch:
            if status.planned.key in tasks and not found.is_over:
                made = Store(here.runs).read(str(status.planned.key))
                assert isinstance(made, Run)
                self._compare(change, status, made)

    def _compare(self, change: CodeChange, status: RunStatus, repeated: Run) -> None:
        name, against = status.planned.name, "the stored result"
        difference = first_difference(_result(status), repeated)
        others = [n for n in changed_modules(change.then, change.now) if n.startswith(VERSION_OF)]
        if difference and others:
            # the old code, repeated here, would run under the new packages
            against += "; other now: " + ", ".join(n.removeprefix(VERSION_OF) for n in others)
        elif difference:
            old = self._under_old_code(change, status)
            if isinstance(old, str):
                against += f"; whether by code or by processor could not be told: {old}"
            else:
                against = f"the code of {_commit(status)}, repeated here"
                difference = first_difference(old, repeated)
        if repeated.provenance["code"] != code_of(change.now):
            difference = "the code changed again while it was repeated"
        if difference:
            self.found.different = f"{name}: {difference} (compared with {against})"
            return
        self.found.repeated[name] = against
        change.evidence[repeated.key] = {
            "run": name,
            "equal_to": against,
            "digests": digests(repeated),
        }

    def _under_old_code(self, change: CodeChange, status: RunStatus) -> Run | str:
        """The run as the code of its commit gives it on this machine, or why there is none."""
        root, commit, tree = self.project.root, _commit(status), self.folder / "tree"
        if not commit:
            return "its commit is not known"
        try:
            git(root, "worktree", "add", "--detach", str(tree), commit)
        except (OSError, subprocess.CalledProcessError) as error:
            return str(getattr(error, "stderr", "") or error).strip().splitlines()[-1]
        try:
            source = tree / git(root, "rev-parse", "--show-prefix").strip()
            if code_fingerprint(change.modules, source) != code_of(change.then):
                return f"it was made with changes that {commit} does not hold"
            project = scratch_project(self.project, self.folder / "then")
            (project.experiments / "repeated.yaml").write_text(one_run_yaml(status.planned.spec))
            device, threads = _machine(status)
            command = [sys.executable, "-m", PACKAGE, "run", "repeated", "--workers", "1"]
            command += ["--device", device, "--threads", str(threads), "--quiet"]
            own = {k: v for k, v in os.environ.items() if not k.startswith(("CVLIB", "QUARTO"))}
            environment = {**own, "PYTHONPATH": str(source)}
            done = subprocess.run(
                command, cwd=project.root, env=environment, capture_output=True, text=True
            )
            store, key = Store(project.runs), str(status.planned.key)
            run = store.read(key) if key in store else None
            reason = (done.stderr.strip() or "no such run came out of it").splitlines()[-1]
            return run if isinstance(run, Run) else f"{commit} does not run here: {reason}"
        finally:
            git(root, "worktree", "remove", "--force", str(tree))


def _machine(status: RunStatus) -> tuple[str, int]:
    """Device and threads that a run was made with: others round sums in another way."""
    environment = _result(status).provenance.get("environment", {})
    return ("cpu" if environment.get("device") == "cpu" else "auto"), environment.get("threads", 1)


def scratch_project(project: Project, folder: Path) -> Project:
    """A project of the same files and data with an empty store, and with no features yet.

    Made once; what was fetched since is added. The package itself is left out: Python would prefer
    it to the one that is asked for.
    """
    scratch = Project(folder)
    scratch.runs.mkdir(parents=True, exist_ok=True)
    scratch.data.mkdir(exist_ok=True)
    own = ("experiments", "data", PACKAGE)
    links = [path for path in project.root.iterdir() if path.name not in own]
    if project.data.is_dir():
        links += [path for path in project.data.iterdir() if path.name != "features"]
    for path in links:
        link = folder / path.relative_to(project.root)
        if not link.is_symlink() and path.name not in (".git", ".venv"):
            link.symlink_to(path.resolve())
    for note in (DATASETS_NOTE, WEIGHTS_NOTE):
        if (project.runs / note).exists() and not (scratch.runs / note).exists():
            shutil.copyfile(project.runs / note, scratch.runs / note)
    return scratch


def one_run_yaml(spec: RunSpec) -> str:
    """An experiment of one run, in JSON, which is YAML, too: the same spec under any version.

    What is off although its default is not has to be said; what is off by default is unknown to
    versions that did not have it yet, and is left out.
    """

    def merged(full: dict[str, Any], changed: dict[str, Any]) -> dict[str, Any]:
        for key, value in changed.items():
            if isinstance(value, dict) and isinstance(full.get(key), dict):
                merged(full[key], value)
            elif value is None:
                full[key] = None
        return full

    parts = merged(spec.canonical(), spec.model_dump(mode="json", exclude_defaults=True))
    embedding = {"embedding": parts["embedding"]} if spec.embedding is not None else {}
    return json.dumps(
        {
            "title": "Repeated",
            "question": "Does it give the same numbers?",
            "dataset": parts["dataset"],
            "base": {"model": parts["model"], "train": parts["train"]},
            "variants": {"repeated": {"set": embedding}},
            "seeds": [spec.seed],
        }
    )


# ── noting ───────────────────────────────────────────────────────────────────────────────────


def _note(runs: Path, changes: dict[str, CodeChange], missing: set[str]) -> None:
    """Enter the evidence, in place of what an earlier call noted of the same runs."""
    noted = read_confirmed(runs)
    for name, change in changes.items():
        entry = {
            "modules": list(change.modules),
            "from": sha256_text(canonical_json(change.then))[:16],
            "to": sha256_text(canonical_json(change.now))[:16],
            "changed": changed_modules(change.then, change.now),
            "runs": len(change.keys),
            "repeated": change.evidence,
            "covered": sorted(change.parts.keys() - missing),
            "not_covered": sorted(change.parts.keys() & missing),
            "processor": processor_name(),
            "packages": package_versions(),
        }
        noted = {
            other: earlier
            for other, earlier in noted.items()
            if (earlier["modules"], earlier["from"]) != (entry["modules"], entry["from"])
        }
        noted[name] = entry
    replace_text(runs / CONFIRMED, sealed_json({"format": 1, "changes": noted}))
