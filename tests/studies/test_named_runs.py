"""Single runs, by the names that people give them."""

from __future__ import annotations

import pytest

from cvlib.project import ProjectError
from cvlib.studies.fingerprints import Fingerprints
from cvlib.studies.named_runs import named_runs
from cvlib.studies.run import inspect, make_plans, run_experiments


@pytest.fixture
def runs(layout, edit):
    edit("seeds: [0]", "seeds: [0, 1]")
    (layout.experiments / "exp02.yaml").write_text(layout.experiment_file("exp01").read_text())
    fingerprints = Fingerprints(layout.data, layout.runs)
    planned = [run for plan in make_plans(layout) for run in plan.runs]
    return [run.ready(fingerprints.fetch(run.spec.dataset), run.start) for run in planned]


def names(runs):
    return [f"{run.experiment}/{run.variant}@{run.seed}" for run in runs]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("exp01/wide", ["exp01/wide@0", "exp01/wide@1"]),
        ("exp02/wide@1", ["exp02/wide@1"]),
        ("wide@1", ["exp01/wide@1", "exp02/wide@1"]),
        ("wide", ["exp01/wide@0", "exp01/wide@1", "exp02/wide@0", "exp02/wide@1"]),
    ],
)
def test_a_name_is_a_variant_with_or_without_experiment_and_seed(runs, name, expected):
    assert names(named_runs(runs, [name])) == expected


def test_several_names_keep_the_order_of_the_runs_and_count_each_once(runs):
    found = names(named_runs(runs, ["exp01/wide@0", "exp01/base@1", "exp01/wide@0"]))
    assert found == ["exp01/base@1", "exp01/wide@0"]


def test_a_run_goes_by_the_first_digits_of_its_key(runs):
    assert named_runs(runs, [runs[2].key[:6]])[0] is runs[2]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("wid", "did you mean wide"),
        ("wide@7", "wide is not run with seed '7'; seeds: 0, 1"),
        ("exp03/wide", "no run 'exp03/wide'"),
        ("abcdef", "no run 'abcdef'"),
    ],
)
def test_a_name_that_no_run_has_is_answered_with_the_nearest(runs, name, said):
    with pytest.raises(ProjectError, match=said):
        named_runs(runs, [name])


def test_one_variant_is_trained_again_without_the_others(layout, monkeypatch):
    asked = []

    class Pool:
        stopping = False

        def __init__(self, *_arguments, **_settings):
            pass

        def run(self, tasks):
            asked.append([task.run.name for task in tasks])
            return iter(())

    monkeypatch.setattr("cvlib.studies.run.WorkerPool", Pool)
    run_experiments(layout, ["exp01"], variants=["wide"])
    run_experiments(layout, variants=["exp01/adam@0", "base"], rerun="all")
    run_experiments(layout)
    assert asked == [
        ["exp01/wide seed 0"],
        ["exp01/base seed 0", "exp01/adam seed 0"],
        ["exp01/base seed 0", "exp01/wide seed 0", "exp01/adam seed 0"],
    ]
    assert [status.planned.variant for status in inspect(layout, variants=["wide"])] == ["wide"]
