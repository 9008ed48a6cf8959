"""Which seconds the journal shows, that it says which, and where they are not to be trusted."""

from __future__ import annotations

import dataclasses

import pytest

from cvlib.check import results as check_results
from cvlib.journal import cost, effects, experiment
from cvlib.results.store import Store
from cvlib.studies.hypotheses import Claim
from tests.journal.made import fill, make_project, planned


def keep(project, **seconds) -> None:
    """Give runs compute seconds: variant -> those of each seed; none named: a tenth of wall time.

    `device` is where all of them were made.
    """
    device = seconds.pop("device", "cpu")
    for run in planned(project):
        old = Store(project.runs).read(str(run.key))
        wall = old.metrics["train_seconds"]
        total = seconds[run.variant][run.seed] if run.variant in seconds else wall / 10
        environment = {**old.provenance["environment"], "device": device}
        predictions = old.predictions()
        Store(project.runs).write_run(
            old.key,
            spec=old.spec,
            dataset_fingerprint=old.dataset_fingerprint,
            logits=predictions.logits,
            labels=predictions.labels,
            ids=predictions.ids,
            weights={},
            metrics={**old.metrics, "train_compute_seconds": total},
            history=[
                {**row, "compute_seconds": row["seconds"] / wall * total} for row in old.history
            ],
            provenance={**old.provenance, "environment": environment},
        )


@pytest.fixture()
def project(tmp_path):
    made = make_project(tmp_path)
    fill(made)
    return made


def asked(project):
    return experiment("exp01", root=project.root)


def test_runs_that_kept_only_wall_time_are_shown_by_it_and_it_is_said(project):
    exp = asked(project)
    assert "times: wall-clock seconds, as not every run kept others" in str(exp.table("seconds"))
    assert float(exp.seconds("wide")) == exp["wide"].values("train_seconds").mean()
    assert "(wall-clock seconds" in exp.accuracy_against_time().axes[0].get_xlabel()
    assert "times:" not in str(exp.table("accuracy"))


@pytest.mark.parametrize(("device", "unit"), [("cpu", "CPU"), ("cuda", "device")])
def test_compute_seconds_are_shown_where_all_runs_have_them(project, device, unit):
    keep(project, device=device)
    exp = asked(project)
    wall = exp["wide"].values("train_seconds").mean()
    assert float(exp.seconds("wide")) == pytest.approx(wall / 10)
    assert float(exp.seconds("wide", "train_seconds")) == pytest.approx(wall)
    table = str(exp.table("seconds"))
    assert f"times: {unit} seconds" in table
    (line,) = (line for line in table.splitlines() if "| 32 channels " in line)
    assert line.strip("|").split("|")[-1].strip() + " s" == str(exp.seconds("wide"))
    assert f"({unit} seconds, logarithmic)" in exp.accuracy_against_time().axes[0].get_xlabel()
    assert float(exp.seconds_to("wide")) < wall / 10
    assert float(exp.ratio("seconds", "wider")) == pytest.approx(
        float(exp.ratio("train_compute_seconds", "wider"))
    )


def test_one_run_without_compute_seconds_leaves_all_to_wall_time(project):
    keep(project)
    shown = asked(project).results.variants
    assert cost.cost(shown).metric == "train_compute_seconds"
    del next(iter(shown[0].runs.values())).metrics["train_compute_seconds"]
    assert cost.cost(shown).metric == "train_seconds"


def test_seconds_of_a_cpu_and_of_a_gpu_are_not_compared(project):
    keep(project)
    shown = asked(project).results.variants
    next(iter(shown[1].runs.values())).provenance["environment"]["device"] = "cuda"
    found = cost.cost(shown)
    assert found.metric == "train_seconds" and "unlike devices" in found.note


def test_a_table_of_times_says_where_equal_work_took_unequal_time(project):
    keep(project, base=(10.0, 11.0, 25.0))
    exp = asked(project)
    label = str(exp["base"].label)
    said = f"Times of equal work differ by up to 2.5 times ({label}: 10 to 25 s)"
    assert said in str(exp.table("seconds"))
    assert said not in str(exp.table("accuracy")), "which shows no times"
    assert "equal work" not in str(exp.table("seconds", variants=["wide", "flip"]))


def test_times_within_a_fifth_pass(project):
    keep(project, base=(10.0, 11.0, 12.0))
    assert "equal work" not in str(asked(project).table("seconds", variants=["base"]))


def test_equal_work_is_that_of_other_learning_rates_and_not_of_other_models(project):
    base = next(iter(asked(project)["base"].runs.values()))

    def like(seconds: float, part: str, **changes):
        spec = {**base.spec, part: {**base.spec[part], **changes}}
        return dataclasses.replace(
            base, spec=spec, metrics={**base.metrics, "train_seconds": seconds}
        )

    optimizer = base.spec["train"]["optimizer"]
    quicker = like(10, "train", optimizer={**optimizer, "lr": 0.5})
    slower = like(20, "train", schedule={"name": "constant"})
    assert "(a: 10 s, b: 20 s)" in cost.uneven_times([("a", quicker), ("b", slower)])
    for part, changes in (("model", {"norm": "group"}), ("train", {"epochs": 99})):
        other = like(20, part, **changes)
        assert cost.uneven_times([("a", quicker), ("b", other)]) == ""


def test_a_claim_about_seconds_is_one_about_those_that_are_shown(project):
    claim = Claim(
        say="time", first="exp01/wider", second="exp01/base", metric="seconds", scale="ratio",
        margin=2,
    )  # fmt: skip
    by_wall = claim.model_copy(update={"metric": "train_seconds"})

    def ratios() -> list[float]:
        exp = asked(project)
        found = effects.judged([claim, by_wall], lambda name: exp[name.partition("/")[2]])
        return [float(one.shown) for one in found]

    seconds, wall = ratios()
    assert seconds == wall
    keep(project, base=(1.0, 1.1, 1.2), wider=(10.0, 11.0, 12.0))
    seconds, wall = ratios()
    assert seconds == pytest.approx(10) != wall


def test_a_figure_of_times_says_which_they_are(project):
    keep(project)
    assert "times: CPU seconds" in asked(project).ablation("wide", "flip").get_supxlabel()
    axes = asked(project).accuracy_against_time().axes[0]
    assert axes.get_xlabel() == "training time (CPU seconds, logarithmic)"


def test_the_check_notes_it_and_lets_the_report_pass(project):
    keep(project, base=(10.0, 11.0, 25.0))

    class Handed:
        experiments = ("exp01",)
        runs = project.statuses("exp01")

    (found,) = check_results.times(Handed())
    assert found.verdict == "note" and "exp01: times of equal work differ" in found.says
    Handed.runs = [one for one in Handed.runs if one.planned.variant != "base"]
    (found,) = check_results.times(Handed())
    assert found.verdict == "ok"
