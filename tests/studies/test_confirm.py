"""A change of code is settled by repeating a few runs: equal to the bit, or the first number named.

Each test edits a copy of cvlib's own source, which lies in the project's git repository.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cvlib.project import find_project
from cvlib.results.difference import first_difference
from cvlib.results.store import Store
from cvlib.studies import confirm
from cvlib.studies.confirm import changed_parts
from cvlib.studies.execute import Ended
from cvlib.studies.experiment import parse_experiment
from cvlib.studies.plan import Fingerprints
from cvlib.studies.run import inspect
from cvlib.studies.spec import RunSpec, entries
from cvlib.studies.status import package_versions
from cvlib.studies.syntax import code_fingerprint
from tests.studies.conftest import EXPERIMENT, FakeExecutor, again

REPOSITORY = Path(__file__).parents[2]
TRAINING = "cvlib/training/run.py"
LOADING = {"cvlib.data.load": "1"}
WRAPPED = """

def train(*given, **named):
    outcome = _train_all(*given, **named)
    {change}
    return outcome
"""


def cvlib(root, *words):
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-m", "cvlib", *words],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
    )


def git(root, *words):
    who = ("-c", "user.name=n", "-c", "user.email=e@x")
    subprocess.run(["git", "-C", str(root), *who, *words], check=True, capture_output=True)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A project with its own copy of cvlib, committed, and two runs that were made with it."""
    root = tmp_path_factory.mktemp("trained")
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "cvlib", root / "cvlib", ignore=ignore)
    (root / "_quarto.yml").write_text("project: {type: book}\n")
    (root / "experiments").mkdir()
    text = EXPERIMENT.replace("epochs: 2", "epochs: 1").replace("subset: 400", "subset: 200")
    adam = "  adam: {factor: optimiser, set: {train.optimizer: {name: adamw, lr: 3e-3}}}\n"
    assert adam in text
    (root / "experiments/exp01.yaml").write_text(text.replace(adam, ""))
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "all")
    made = cvlib(root, "run", "--workers", "1")
    assert made.returncode == 0, made.stderr
    return root


@pytest.fixture
def root(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "project")
    return tmp_path / "project"


def split_train(root, change="", more=""):
    """Rename `train` and let another function of its name call it."""
    path = root / TRAINING
    text = path.read_text()
    assert text.count("\ndef train(") == 1
    text = text.replace("\ndef train(", "\ndef _train_all(")
    path.write_text(text + WRAPPED.format(change=change or "pass") + more)


def statuses(root):
    return json.loads(cvlib(root, "status", "--json").stdout)["runs"]


def files(root):
    runs = root / "experiments/runs"
    found = (p for p in runs.glob("*/*") if ".scratch" not in p.parts and ".locks" not in p.parts)
    return {p: p.read_bytes() for p in found}


def test_a_refactoring_is_confirmed_until_the_code_changes_again(root):
    split_train(root, more="\n\ndef _called_by_nobody():\n    return 1\n")
    assert {(s["state"], s["cue"]) for s in statuses(root)} == {("stale", "code")}
    before = files(root)
    said = cvlib(root, "confirm")
    assert said.returncode == 0, said.stdout + said.stderr
    assert re.search(r"equal: exp01/(base|wide) seed 0: the stored result", said.stdout), (
        said.stdout
    )
    assert "not covered: cvlib.training.run._called_by_nobody changed" in said.stdout
    summary = r"1 of 2 runs repeated, (\d) of (\d) changes of code executed; 2 runs are fresh"
    executed, changed = re.search(summary, said.stdout).groups()
    assert int(executed) == int(changed) - 1
    assert files(root) == before and not list((root / "experiments/runs/.scratch").iterdir())

    note = "code changed since, 1 of 2 runs repeated, equal"
    assert [(s["state"], s["note"]) for s in statuses(root)] == [("fresh", note)] * 2
    assert f"seed 0        fresh  {note}" in cvlib(root, "status").stdout
    text = (root / "experiments/runs/confirmed.json").read_text()
    assert str(root) not in text
    (evidence,) = json.loads(text)["changes"].values()
    assert evidence["not_covered"] == ["cvlib.training.run._called_by_nobody"]
    assert {f"cvlib.training.run.{name}" for name in ("train", "_train_all")} <= set(
        evidence["covered"]
    )
    assert evidence["changed"] == ["cvlib.training.run"] and evidence["runs"] == 2
    assert cvlib(root, "confirm").stdout == "no run is stale by code\n"

    with (root / TRAINING).open("a") as file:
        file.write("\n\nANOTHER = 1\n")
    assert {(s["state"], s["cue"]) for s in statuses(root)} == {("stale", "code")}


def test_a_number_that_differs_is_named_and_nothing_is_noted(root):
    split_train(root, "outcome.history[0]['train_loss'] += 0.5")
    said = cvlib(root, "confirm", "--workers", "1")
    assert said.returncode == 1, said.stderr
    loss = json.loads(next(root.glob("experiments/runs/*/history.json")).read_text())
    assert "train_loss" in loss[0]
    assert " seed 0: history.json, epoch 1, train_loss: " in said.stdout
    assert said.stdout.startswith("different: exp01/")
    commit = subprocess.run(
        ["git", "-C", str(root), "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True
    ).stdout.strip()
    assert f"(compared with the code of {commit}, repeated here)" in said.stdout
    assert not (root / "experiments/runs/confirmed.json").exists()
    assert {s["state"] for s in statuses(root)} == {"stale"}
    worktrees = ["git", "-C", str(root), "worktree", "list"]
    assert len(subprocess.run(worktrees, capture_output=True).stdout.splitlines()) == 1


def test_where_this_processor_gives_other_bits_the_old_code_is_repeated_here_too(root):
    """Stored results of another machine are made by altering every stored prediction."""
    store = Store(root / "experiments/runs")
    for key in store.keys():  # noqa: SIM118
        run = store.read(key)
        predictions = run.predictions()
        store.write_run(
            key,
            spec=run.spec,
            dataset_fingerprint=run.dataset_fingerprint,
            metrics=run.metrics,
            history=run.history,
            logits=predictions.logits + np.float32(0.25),
            labels=predictions.labels,
            ids=predictions.ids,
            provenance=run.provenance,
            weights={},
        )
    split_train(root)
    said = cvlib(root, "confirm", "--json")
    assert said.returncode == 0, said.stdout + said.stderr
    found = json.loads(said.stdout)
    (against,) = found["repeated"].values()
    assert against.startswith("the code of ") and against.endswith(", repeated here")
    assert found["fresh"] == 2 and {s["state"] for s in statuses(root)} == {"fresh"}


def test_a_difference_between_two_runs_is_told_by_file_place_and_both_values(trained):
    store = Store(trained / "experiments/runs")
    first, second = (store.read(key) for key in store.keys())  # noqa: SIM118
    assert first_difference(first, first) == ""
    assert "history.json, epoch 1, " in first_difference(first, second)
    second.__dict__.update(history=first.history, metrics=first.metrics)
    assert first_difference(first, second).startswith("predictions.npz, logits[0, 0]: ")
    second.__dict__.update(history=[{**first.history[0], "seconds": 99.0}], folder=first.folder)
    assert first_difference(first, second) == ""


def test_a_run_is_declared_so_that_an_older_version_reads_the_same_spec(tmp_path):
    path = tmp_path / "repeated.yaml"
    off = {"dataset": {"name": "digits"}, "model": {"norm": None, "width": 4}, "seed": 3}
    project = find_project(REPOSITORY)
    shipped = [v.spec for n in project.experiment_ids() for v in project.experiment(n).variants]
    for spec in (RunSpec.model_validate(off), *shipped):
        path.write_text(confirm.one_run_yaml(spec))
        read = parse_experiment(path)
        (variant,) = read.variants
        assert variant.spec.model_copy(update={"seed": read.seeds[0]}) == spec
    assert '"norm": null' in confirm.one_run_yaml(RunSpec.model_validate(off))


# ── which runs are repeated ──────────────────────────────────────────────────────────────────


def write(store, planned, seconds, code):
    labels = np.arange(20) % 10
    metrics = {"test_accuracy": 0.5, "train_seconds": seconds}
    store.write_run(
        planned.key,
        spec=planned.spec.canonical(),
        dataset_fingerprint=planned.dataset_fingerprint,
        metrics=metrics,
        history=[],
        logits=np.eye(10, dtype=np.float32)[labels],
        labels=labels,
        ids=labels,
        provenance={"code": code, "packages": package_versions(), "made_for": {}},
        weights={},
    )


class Repeating(FakeExecutor):
    """Gives every run again as it is stored; says that it called what `called` names."""

    def __init__(self, project, called, **_):
        def tell(task):
            code = code_fingerprint(entries(task.run.spec))
            write(Store(project.runs), task.run, 99.0, code)
            yield Ended("done", called=frozenset(called(task)))

        super().__init__(tell)


@pytest.fixture
def stale(layout):
    """Three runs whose data loading changed: cheap, cheaper, cheapest."""
    Fingerprints(layout.data, layout.runs).fetch(
        layout.experiment("exp01").variants[0].spec.dataset
    )
    for planned, seconds in zip(layout.plan("exp01").runs, (1.0, 2.0, 3.0), strict=True):
        code = {**code_fingerprint(entries(planned.spec)), "cvlib.data.load": "0"}
        write(Store(layout.runs), planned, seconds, code)
    return again(layout)


@pytest.fixture
def repeated(monkeypatch):
    def repeated(project, called, **settings):
        monkeypatch.setattr(confirm, "WorkerPool", lambda here, **_: Repeating(here, called))
        return confirm.confirm(project, workers=1, **settings)

    return repeated


def test_the_cheapest_run_is_enough_where_it_executes_all_that_changed(stale, repeated):
    everything = set().union(*changed_parts(stale.root, [], {}, LOADING).values())
    found = repeated(stale, lambda _: everything)
    assert list(found.repeated) == ["exp01/base seed 0"] and found.not_covered == []
    assert (found.stale, found.fresh) == (3, 3)


def test_others_follow_only_if_they_choose_what_none_has_chosen_and_not_beyond_the_limit(
    stale, repeated
):
    found = repeated(stale, lambda _: (), runs=1)
    assert list(found.repeated) == ["exp01/base seed 0"] and found.not_covered
    stale.runs.joinpath("confirmed.json").unlink()
    # `wide` differs from `base` in a number alone; `adam` has another optimiser
    found = repeated(again(stale), lambda _: ())
    assert list(found.repeated) == ["exp01/base seed 0", "exp01/adam seed 0"]
    assert {s.note for s in inspect(again(stale))} == {
        "code changed since, 2 of 3 runs repeated, equal"
    }


@pytest.mark.parametrize("how", ["failed", "interrupted"])
def test_a_repeat_that_fails_or_is_stopped_notes_nothing(stale, how, monkeypatch):
    executor = FakeExecutor(lambda _: [Ended(how, "why")])
    monkeypatch.setattr(confirm, "WorkerPool", lambda *_, **__: executor)
    found = confirm.confirm(stale)
    assert found.failed == ({"exp01/base seed 0": "why"} if how == "failed" else {})
    assert found.interrupted == (how == "interrupted")
    assert {s.state for s in inspect(again(stale))} == {"stale"}


# ── which functions changed ──────────────────────────────────────────────────────────────────


def parts(monkeypatch, present, old, then=None):
    """What changed between two versions of one module, `old` by the name of its module."""
    ((module, source),) = old.items()
    monkeypatch.setattr(confirm, "_present", lambda _: present)
    monkeypatch.setattr(confirm, "source_at", lambda _root, _commit, name: old.get(name, ""))
    then = then or {module: confirm.module_digest(source)}
    now = {"cvlib.training.loop": confirm.module_digest(present)}
    return sorted(changed_parts(Path(), ["c"], then, now))


OLD = """
import os
LIMIT = 1
class Loop:
    field: int = 0
    def step(self):
        return 1
    def stop(self):
        return 2
def outer():
    def inner():
        return 3
    return inner
"""
LOOP = "cvlib.training.loop"


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("return 1", "return 9  # why", [f"{LOOP}.Loop.step"]),
        ("return 3", "return 9", [f"{LOOP}.outer.inner"]),
        ("return inner", "return None", [f"{LOOP}.outer"]),
        ("field: int = 0", "field: int = 9", [f"class {LOOP}.Loop"]),
        ("LIMIT = 1", "LIMIT = 2", [f"module level of {LOOP}"]),
        ("LIMIT = 1", "", [f"module level of {LOOP}"]),
        ("import os", "import sys", [f"module level of {LOOP}"]),
        ("def stop", "def halt", [f"class {LOOP}.Loop", f"{LOOP}.Loop.halt"]),
        ("def outer", "# a thought\ndef outer", []),
    ],
)
def test_what_changed_is_named_by_function_class_or_module(monkeypatch, old, new, changed):
    assert old in OLD
    assert parts(monkeypatch, OLD.replace(old, new), {LOOP: OLD}) == changed


def test_a_module_that_moved_did_not_change(monkeypatch):
    assert parts(monkeypatch, OLD, {"cvlib.training.elsewhere": OLD}) == []
    moved = parts(monkeypatch, OLD.replace("return 2", "return 9"), {"cvlib.elsewhere": OLD})
    assert moved == [f"{LOOP}.Loop.stop"]


def test_where_the_old_source_is_not_to_be_had_everything_counts_as_changed(monkeypatch):
    everything = [
        f"class {LOOP}.Loop",
        *(f"{LOOP}.{name}" for name in ("Loop.step", "Loop.stop", "outer", "outer.inner")),
        f"module level of {LOOP}",
    ]
    assert parts(monkeypatch, OLD, {LOOP: ""}, {LOOP: "0" * 16}) == everything
    # nor does the source of a commit count that is not what the run was made with
    assert parts(monkeypatch, OLD, {LOOP: OLD}, {LOOP: "0" * 16}) == everything
