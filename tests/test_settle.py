"""Seeds are added until a hypothesis is decided: real trainings of small nets on the digits."""

import re
from types import SimpleNamespace

import pytest

from cvlib.analysis.settling import look_level
from cvlib.files import DamagedFile
from cvlib.freeze.reads import declared_reads
from cvlib.journal import hypotheses
from cvlib.journal.effects import Judged
from cvlib.journal.quantity import Quantity
from cvlib.journal.settling import Outlook
from cvlib.project import ProjectError
from cvlib.settle import next_step, seconds_of, settle
from cvlib.studies.hypotheses import Claim
from cvlib.yaml_source import SpecError
from tests.studies.conftest import again, edit, layout, run_here  # noqa: F401

HYPOTHESES = """\
H1:
  title: width
  statement: Wider networks read digits better.
  experiment: exp01
  settle: true
  claims:
    - {say: wide less base, first: exp01/wide, second: exp01/base}
"""


@pytest.fixture
def declared(layout, edit):  # noqa: F811
    edit("epochs: 2,", "epochs: 1,")
    edit("seeds: [0]", "seeds: [0, 1]  # to begin with")
    (layout.experiments / "hypotheses.yaml").write_text(HYPOTHESES)
    return layout


def carry_out(project, budget, runs=None):
    """`cvlib run --settle H1`: whether it is decided, and what was said. runs: Ctrl-C after those."""
    said = []

    def train(experiments, variants, rerun):
        summary = run_here(project, experiments, variants=variants[:runs], rerun=rerun)
        summary.interrupted = runs is not None
        return summary

    return settle(project, "H1", budget, train, said.append), "\n".join(said)


def test_seeds_are_added_until_a_hypothesis_is_decided(declared):
    path = declared.experiment_file("exp01")
    before = path.read_text()
    run_here(declared)

    read = declared_reads(again(declared), "hypothesis", "H1")

    # the first look leaves it open, and a second is not begun in a time that is too short for it
    decided, said = carry_out(again(declared), budget=1e-9)
    assert decided is False and path.read_text() == before
    assert "look 1 at 2 seeds, level 0.025: undecided" in said and "of the budget are left" in said
    asked = hypotheses(root=declared.root)["H1"].settled_by[0]
    assert asked.seeds > 2 and f"settled by about {asked.seeds} seeds" in said

    # an experiment that may not have so many runs is left as it was
    path.write_text(before + "max_runs: 6\n")
    with pytest.raises(SpecError, match="more than 6"):
        carry_out(again(declared), budget=3600)
    assert path.read_text() == before + "max_runs: 6\n"
    path.write_text(before)

    # stopped by Ctrl-C: the seeds stay, and nobody looks before all are there
    decided, _ = carry_out(again(declared), budget=3600, runs=2)
    assert decided is None
    between = hypotheses(root=declared.root)["H1"]
    assert between.verdict.text == "not tested"
    assert "since look 1; cvlib run --settle H1" in between.claims[0].reason

    decided, said = carry_out(again(declared), budget=3600)
    found = hypotheses(root=declared.root)
    one = found["H1"]
    assert decided is True and one.verdict.text == "supported" and f"{one.verdict}" in said
    assert one.level == look_level(len(one.looks)) < 0.01
    alone = one.claims[0].estimate.interval(one.level)
    assert (one.claims[0].shown.low, one.claims[0].shown.high) == (alone.low, alone.high)
    assert "Brackets of H1: 99.2%" in str(found.table())
    counts = {v.name: len(v.seeds) for v in again(declared).experiment("exp01").variants}
    assert counts == {"base": one.looks[-1], "wide": one.looks[-1], "adam": 2}
    text = path.read_text()
    assert text.startswith(before) and re.search(r"^more_seeds:\n  wide: \[2", text, re.M)

    # the chapters that say its verdict are no longer true
    assert declared_reads(again(declared), "hypothesis", "H1") != read

    # who asks again trains nothing and has no further look
    looks = (declared.experiments / "registered.json").read_text()
    assert carry_out(again(declared), budget=3600)[0] is True
    assert ((declared.experiments / "registered.json").read_text(), path.read_text()) == (
        looks,
        text,
    )

    # a look that was noted cannot be unnoted by hand
    (declared.experiments / "registered.json").write_text(looks.replace("4", "5"))
    with pytest.raises(DamagedFile, match=r"registered\.json"):
        carry_out(again(declared), budget=3600)


@pytest.mark.parametrize(
    ("outlooks", "seeds"),
    [
        ([(+1, 9), (+1, 5)], 9),  # all must hold: as many as the most demanding needs
        ([(+1, 9), (+1, None)], None),  # one that no seeds settle leaves the hypothesis open
        ([(+1, None), (-1, 5)], 5),  # unless another is on its way to refute it
        ([(+1, 200)], 12),  # fourfold at most from one look to the next
    ],
)
def test_the_next_look_is_where_the_hypothesis_as_a_whole_is_expected_to_be_decided(
    monkeypatch, outlooks, seeds
):
    claims = [Judged(Claim(say="it"), Quantity("", float(side))) for side, _ in outlooks]
    found = [Outlook(seeds, (SimpleNamespace(id="a"),), None, "") for _, seeds in outlooks]
    monkeypatch.setattr("cvlib.settle.outlooks", lambda claims, level: found)
    step = next_step(SimpleNamespace(at=lambda level: claims, next_level=0.0083, looks=[3]))
    assert (step and step.seeds) == seeds


def test_a_rule_for_stopping_is_declared_before(declared):
    path = declared.experiments / "hypotheses.yaml"
    path.write_text(HYPOTHESES.replace("  settle: true\n", ""))
    with pytest.raises(ProjectError, match="H1 does not say `settle: true` in experiments/hypo"):
        carry_out(declared, budget=60)


def test_a_budget_is_a_time():
    assert [seconds_of(text) for text in ("90s", "60m", "1.5h")] == [90, 3600, 5400]
    for text in ("60", "0m", "-1h", "1 day"):
        with pytest.raises(ProjectError, match="expected a time such as"):
            seconds_of(text)
