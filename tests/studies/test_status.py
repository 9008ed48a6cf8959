"""Staleness from end to end: real runs on digits, then one thing is changed."""

import json
from pathlib import Path

import numpy as np
import pytest

from cvlib.project import Project
from cvlib.results.store import Store
from cvlib.studies import status
from cvlib.studies.run import inspect, run_experiments
from cvlib.studies.spec import entries
from cvlib.studies.status import code_cue, needs_work
from tests.studies.conftest import again, run_here


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A project with its runs trained once, copied by each test that changes something."""
    from tests.studies.conftest import EXPERIMENT

    root = tmp_path_factory.mktemp("trained")
    (root / "_quarto.yml").write_text("project: {type: book}\n")
    (root / "experiments").mkdir()
    (root / "data").mkdir()
    (root / "experiments/exp01.yaml").write_text(EXPERIMENT)
    layout = Project(root)
    summary = run_experiments(again(layout), workers=2)
    assert len(summary.done) == 3 and not summary.failed
    return layout


@pytest.fixture
def project(trained, tmp_path):
    import shutil

    root = tmp_path / "copy"
    shutil.copytree(trained.root, root)
    return Project(root)


def states(layout):
    return {s.planned.variant: (s.state, s.cue) for s in inspect(again(layout))}


def reasons(layout):
    return {s.planned.variant: s.reason for s in inspect(again(layout))}


FRESH = ("fresh", None)


def edit(layout, old, new):
    path = layout.experiment_file("exp01")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_trained_runs_are_fresh_and_nothing_is_to_do(project):
    assert set(states(project).values()) == {FRESH}
    assert run_here(again(project)).done == []


def test_what_a_variant_changes_touches_that_variant_alone(project):
    edit(project, "model.width: 8", "model.width: 6")
    assert states(project) == {"base": FRESH, "wide": ("stale", "spec"), "adam": FRESH}
    assert reasons(project)["wide"] == "model.width: 8 → 6"


def test_a_changed_default_touches_the_runs_that_used_it(project, monkeypatch):
    from cvlib.training.spec import SGDSpec

    field = SGDSpec.model_fields["momentum"]
    monkeypatch.setattr(field, "default", 0.5)
    SGDSpec.model_rebuild(force=True)
    from cvlib.studies import experiment
    from cvlib.studies.spec import RunSpec
    from cvlib.training.spec import TrainSpec

    TrainSpec.model_rebuild(force=True)
    RunSpec.model_rebuild(force=True)
    monkeypatch.setattr(experiment, "_RUN_SPEC", experiment.TypeAdapter(RunSpec))
    try:
        found, why = states(project), reasons(project)
    finally:
        monkeypatch.undo()
        for model in (SGDSpec, TrainSpec, RunSpec):
            model.model_rebuild(force=True)
    assert found == {"base": ("stale", "spec"), "wide": ("stale", "spec"), "adam": FRESH}
    assert why["base"] == "train.optimizer.momentum: 0.9 → 0.5"


def test_a_line_of_the_loop_makes_every_run_stale_by_code_and_names_the_module(
    project, monkeypatch
):
    now = status.code_fingerprint(entries(inspect(again(project))[0].planned.spec))
    changed = {**now, "cvlib.training.loop": "0" * 16}
    monkeypatch.setattr(status, "code_fingerprint", lambda *_: changed)
    assert set(states(project).values()) == {("stale", "code")}
    assert reasons(project)["base"] == "code changed since: cvlib.training.loop"
    results = inspect(again(project))
    assert not any(needs_work(s, None) for s in results), "code is shown, not re-run"
    assert all(needs_work(s, "code") for s in results)
    assert all(s.result is not None for s in results), "the result can still be read"


def test_another_torch_makes_every_run_stale_by_environment(project, monkeypatch):
    versions = {**status.package_versions(), "torch": "99.0"}
    monkeypatch.setattr(status, "package_versions", lambda: versions)
    assert set(states(project).values()) == {("stale", "environment")}
    assert reasons(project)["base"].endswith("→ 99.0")


def test_one_altered_byte_of_a_result_is_damage_and_is_made_again(project):
    key = next(s.planned.key for s in inspect(again(project)) if s.planned.variant == "wide")
    path = project.runs / key / "predictions.npz"
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    assert states(project)["wide"][0] == "damaged"
    assert len(run_here(again(project)).done) == 1
    assert set(states(project).values()) == {FRESH}


def test_the_store_is_read_without_the_data(project, monkeypatch):
    from cvlib.data import fingerprint

    monkeypatch.setattr(fingerprint, "local_fingerprint", lambda spec, root: None)
    assert set(states(project).values()) == {FRESH}


def test_a_retrained_run_is_the_same_bits(project):
    before = {s.planned.variant: s.result for s in inspect(again(project))}
    old = {name: (run.predictions().logits, run.history) for name, run in before.items()}
    assert len(run_experiments(again(project), rerun="all", workers=2).done) == 3
    for status_ in inspect(again(project)):
        logits, history = old[status_.planned.variant]
        run = status_.result
        np.testing.assert_array_equal(run.predictions().logits, logits)
        for a, b in zip(run.history, history, strict=True):
            assert a["train_loss"] == b["train_loss"] and a["val_accuracy"] == b["val_accuracy"]


def test_a_diverged_run_is_failed_with_its_reason_and_not_tried_again(project):
    edit(
        project,
        "model.width: 8}",
        "model.activation: leaky_relu, train.optimizer.lr: 99, model.norm: none}",
    )
    summary = run_here(again(project))
    assert list(summary.failed) == ["exp01/wide seed 0"]
    assert states(project)["wide"] == ("failed", None)
    assert reasons(project)["wide"].startswith("training loss is ")
    assert run_here(again(project)).failed == {}
    assert list(run_here(again(project), rerun="failed").failed) == ["exp01/wide seed 0"]


def test_unreferenced_runs_are_found(project):
    edit(project, "model.width: 8", "model.width: 6")
    store = Store(project.runs)
    planned = [s.planned for s in inspect(again(project))]
    assert len(status.Inspector(store).unreferenced(planned)) == 1


def test_provenance_holds_no_path_clock_or_host(trained):
    import platform

    for path in Path(trained.runs).rglob("*.json"):
        text = path.read_text()
        assert str(trained.root) not in text
        node = platform.node()
        assert not node or len(node) < 4 or node not in text
    provenance = json.loads(next(trained.runs.glob("*/provenance.json")).read_text())
    assert provenance["made_for"]["experiment"] == "exp01"
    assert provenance["packages"]["torch"] and provenance["code"]["cvlib.training.run"]


def test_of_many_changed_modules_the_first_four_are_named():
    names = [f"cvlib.m{number}" for number in range(6)]
    four = "code changed since: cvlib.m0, cvlib.m1, cvlib.m2, cvlib.m3"
    assert code_cue(names) == f"{four} and 2 more" and code_cue(names[:4]) == four
