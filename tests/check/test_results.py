"""Runs are fresh, or the check says which are not."""

from __future__ import annotations

import pytest

from cvlib.check.results import find
from cvlib.check.subject import Subject
from cvlib.project import Project
from cvlib.results.store import Store
from cvlib.studies.plan import DATASETS_NOTE
from tests.check.made import YAML, bad, verdicts
from tests.journal.made import fail, planned, write


def again(layout: Project, **changes: object) -> None:
    """Make the wide run anew, with another provenance."""
    run = planned(layout)[1]
    Store(layout.runs).remove(str(run.key))
    write(layout, run, **changes)


def test_fresh_runs_pass(layout):
    (found,) = find(Subject(layout))
    assert found.verdict == "ok" and found.says == "2 of 2 runs fresh (exp01)"


def test_a_changed_spec_fails_and_names_the_key(layout):
    path = layout.experiments / "exp01.yaml"
    path.write_text(YAML.replace("model.width: 32", "model.width: 64"))
    (found,) = bad(find(Subject(layout)))
    assert "wide (seed 0): stale by spec: model.width: 32 → 64" in found.says
    assert found.file == "experiments/exp01.yaml" and "cvlib run" in found.to_do


def test_a_missing_and_a_damaged_run_fail(layout):
    run = planned(layout)[0]
    (layout.runs / str(run.key) / "metrics.json").write_text("{}")
    Store(layout.runs).remove(str(planned(layout)[1].key))
    damaged, missing = bad(find(Subject(layout)))
    assert "damaged" in damaged.says and "git" in damaged.to_do
    assert "wide (seed 0): missing" in missing.says


@pytest.mark.parametrize(
    ("changes", "says", "to_do"),
    [
        ({"code": {"cvlib.training.loop": "0"}}, "stale by code", "--rerun code"),
        ({"packages": {"torch": "1.0"}}, "stale by environment: torch 1.0", "--rerun environment"),
    ],
)
def test_stale_by_code_or_environment_is_noted(layout, changes, says, to_do):
    again(layout, **changes)
    noted, good = find(Subject(layout))
    assert noted.verdict == "note" and says in noted.says and to_do in noted.to_do
    assert good.says == "1 of 2 runs fresh (exp01)"


def test_a_diverged_run_is_noted_and_a_broken_one_fails(layout):
    run = planned(layout)[1]
    Store(layout.runs).remove(str(run.key))
    fail(layout, run, "loss is nan")
    assert verdicts(find(Subject(layout))) == ["note", "ok"]
    Store(layout.runs).remove(str(run.key))
    fail(layout, run, "out of memory", lasting=False)
    (found,) = bad(find(Subject(layout)))
    assert "failed: out of memory" in found.says


def test_data_that_is_not_on_the_machine_is_said_not_to_be_checked(layout):
    (layout.runs / DATASETS_NOTE).unlink()
    assert verdicts(find(Subject(layout)))[0] == "unchecked"


def test_an_experiment_that_no_chapter_reads_does_not_count(layout):
    (layout.experiments / "exp02.yaml").write_text(YAML.replace("epochs: 3", "epochs: 9"))
    assert verdicts(find(Subject(layout))) == ["ok"]
