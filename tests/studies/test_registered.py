"""Hypotheses are held to the words that they had before their first run."""

from __future__ import annotations

import pytest
import yaml

from cvlib.files import DamagedFile
from cvlib.project import Project
from cvlib.studies.execute import Ended
from cvlib.studies.registered import read_registered, register, registered_file
from cvlib.studies.run import run_experiments
from cvlib.yaml_source import SpecError
from tests.studies.conftest import FakeExecutor, again, run_here

CLAIM = {"say": "wide less base", "first": "exp01/wide", "second": "exp01/base"}


def declare(layout, **hypotheses):
    """Write hypotheses; each given by what differs from one and the same."""
    of = {"title": "width", "statement": "Wider is better.", "experiment": "exp01"}
    text = {name: {**of, "claims": [CLAIM], **fields} for name, fields in hypotheses.items()}
    (layout.experiments / "hypotheses.yaml").write_text(yaml.safe_dump(text, sort_keys=False))


def said(layout):
    """What the next command says of each hypothesis that is exploratory."""
    project = again(layout)
    register(project)
    return {name: one.words() for name, one in project.revisions().items()}


@pytest.fixture
def trained(layout):
    """One hypothesis, and the runs that it names."""
    declare(layout, H1={})
    run_here(layout, variants=["base", "wide"])
    return layout


def test_what_stands_as_before_its_runs_is_not_exploratory(trained):
    assert said(trained) == {}
    declare(
        trained, H1={"statement": "Wider  is\nbetter.", "title": "breadth", "shown": "tbl-exp01"}
    )
    assert said(trained) == {}
    path = trained.experiments / "hypotheses.yaml"
    path.write_text(f"# a remark\n{path.read_text()}")
    assert said(trained) == {}


def test_new_words_are_told_beside_the_old_until_they_are_taken_back(trained):
    declare(trained, H1={"statement": "Wider is worse."})
    assert said(trained) == {"H1": "reworded after its runs; before: “Wider is better.”"}
    run_here(again(trained))
    assert said(trained)["H1"].startswith("reworded")
    declare(trained, H1={})
    assert said(trained) == {}


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        (
            [{**CLAIM, "margin": 3}],
            "claim “wide less base” changed after its runs: margin 0, now 3",
        ),
        (
            [{**CLAIM, "say": "it", "expect": "below"}],
            "claim “wide less base” changed after its runs: say wide less base, now it, "
            "expect above, now below",
        ),
        (
            [CLAIM, {**CLAIM, "say": "adam", "first": "exp01/adam"}],
            "claim added after its runs: “adam”",
        ),
        (
            [{**CLAIM, "say": "adam", "first": "exp01/adam"}],
            "claim dropped after its runs: “wide less base”; claim added after its runs: “adam”",
        ),
        (
            [{**CLAIM, "minus": {"first": "exp01/adam", "second": "exp01/base"}}],
            "claim “wide less base” changed after its runs: minus none, now exp01/adam less exp01/base",
        ),
        ([{**CLAIM, "margin": 0.0, "scale": "difference"}], None),
    ],
)
def test_each_change_of_a_claim_is_told(trained, claims, words):
    declare(trained, H1={"claims": claims})
    assert said(trained).get("H1") == words


def test_what_is_added_when_its_claim_can_be_judged_is_registered_as_such(trained):
    declare(trained, H1={}, H2={"statement": "It is so."})
    assert said(trained) == {"H2": "registered when 2 of its runs had results"}


def test_a_claim_on_runs_that_are_still_to_come_is_a_prediction(trained):
    declare(trained, H1={}, H2={"claims": [{**CLAIM, "second": "exp01/adam"}]})
    run_here(again(trained))
    assert said(trained) == {}
    assert read_registered(trained)["H2"].runs == 1


def test_what_is_withdrawn_after_its_runs_is_told(trained):
    declare(trained, H2={"claims": [{**CLAIM, "first": "exp01/adam", "second": "exp01/adam"}]})
    assert said(trained) == {"H1": "withdrawn after its runs"}


def test_words_may_change_until_the_first_result(layout):
    declare(layout, H1={})
    run_experiments(layout, executor=FakeExecutor(lambda task: [Ended("interrupted")]))
    assert read_registered(layout)["H1"].statement == "Wider is better."
    declare(layout, H1={"statement": "Wider is worse."})
    run_here(again(layout))
    assert said(layout) == {}
    assert read_registered(layout)["H1"].statement == "Wider is worse."


def test_a_run_that_changed_its_spec_has_been_seen(trained, edit):
    edit("epochs: 2,", "epochs: 1,")
    declare(trained, H1={}, H2={})
    assert said(trained) == {"H2": "registered when 2 of its runs had results"}


def test_the_best_of_a_factor_names_each_of_its_variants(layout):
    declare(layout, H1={"claims": [{**CLAIM, "first": "exp01/best:width"}]})
    run_here(layout, variants=["wide"])
    assert read_registered(layout).keys() == {"H1"}


def test_another_run_and_the_quick_profile_register_nothing(layout, edit):
    edit("seeds: [0]", "seeds: [0]\nprofiles:\n  quick: {variants: [base, wide]}")
    declare(layout, H1={})
    run_here(Project(layout.root, "quick"))
    assert said(layout) == {}
    run_here(layout, variants=["adam"])
    assert not registered_file(layout).exists()


def test_hypotheses_that_cannot_be_read_stop_a_run_before_it_trains(layout):
    (layout.experiments / "hypotheses.yaml").write_text("H1: 3\n")
    executor = FakeExecutor()
    with pytest.raises(SpecError, match="H1: expected title"):
        run_experiments(layout, executor=executor)
    assert not executor.asked


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace("better", "worse"),
        lambda text: text[:-20],
        lambda text: '{"hypotheses": {"H1": 3}}',
        lambda text: '{"hypotheses": [3]}',
        lambda text: '{"hypotheses": {"H1": {"title": "", "statement": "", "claims": [{}]}}}',
    ],
)
def test_a_damaged_file_is_told_with_the_way_back(trained, damage):
    path = registered_file(trained)
    path.write_text(damage(path.read_text()))
    with pytest.raises(DamagedFile, match=r"git checkout -- registered\.json"):
        again(trained).revisions()
    with pytest.raises(DamagedFile, match=r"registered\.json"):
        run_here(again(trained))
