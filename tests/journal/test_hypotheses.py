from __future__ import annotations

import re
import shutil

import pytest
import yaml

from cvlib.analysis.verdicts import holm
from cvlib.journal import experiment, hypotheses
from cvlib.journal.errors import JournalError
from cvlib.project import Project
from cvlib.results.store import Store
from cvlib.studies.plan import DATASETS_NOTE
from cvlib.studies.registered import register
from tests.journal.made import planned


def declare(layout, *claims, **fields):
    one = {"title": "size", "statement": "It is so.", "experiment": "exp01", "claims": [*claims]}
    path = layout.experiments / "hypotheses.yaml"
    path.write_text(yaml.safe_dump({"H1": {**one, **fields}}, sort_keys=False))
    return hypotheses(root=layout.root)["H1"]


def before_its_runs(layout):
    """Register what is declared as `cvlib run` does: before there are results, and when there are."""
    layout.runs.rename(aside := layout.runs.with_name("aside"))
    layout.runs.mkdir()
    shutil.copy(aside / DATASETS_NOTE, layout.runs)
    register(Project(layout.root), Project(layout.root).plan("exp01").runs)
    shutil.rmtree(layout.runs)
    aside.rename(layout.runs)
    register(Project(layout.root))


def claim(first, second, **more):
    return {"say": "it", "first": f"exp01/{first}", "second": f"exp01/{second}", **more}


def accuracies(layout, variant):
    exp = experiment("exp01", root=layout.root)
    return 100 * exp.results.variant(variant).values("test_accuracy")


def test_a_clear_difference_supports_and_its_reverse_refutes(project):
    assert declare(project, claim("base", "kernel1")).verdict.text == "supported"
    assert declare(project, claim("kernel1", "base")).verdict.text == "refuted"
    assert declare(project, claim("kernel1", "base", expect="below")).verdict.text == "supported"


def test_what_seeds_do_not_tell_apart_is_undecided(project):
    assert declare(project, claim("base", "flip")).verdict.text == "undecided"


def test_one_claim_that_fails_refutes_what_the_others_support(project):
    found = declare(project, claim("base", "kernel1"), claim("narrow", "wide"))
    assert [one.verdict for one in found.claims] == ["supported", "refuted"]
    assert found.verdict.text == "refuted"


def test_the_effect_is_the_difference_that_chapters_say(project):
    shown = declare(project, claim("wide", "narrow")).effect()
    said = experiment("exp01", root=project.root).difference("wide", "narrow")
    assert (shown.value, shown.low, shown.high) == (said.value, said.low, said.high)
    assert shown.text == said.text


def test_a_difference_of_differences_is_estimated_on_the_same_images(project):
    minus = {"first": "exp01/wide", "second": "exp01/base"}
    found = declare(project, claim("base", "kernel1", minus=minus)).claims[0]
    of = {name: accuracies(project, name).mean() for name in ("base", "kernel1", "wide")}
    value = of["base"] - of["kernel1"] - (of["wide"] - of["base"])
    assert found.shown.value == pytest.approx(value)
    exp = experiment("exp01", root=project.root)
    apart = [exp.difference("base", "kernel1"), exp.difference("wide", "base")]
    # the base is in both differences, with opposite signs, and so varies twice as far
    alone = sum(((one.high - one.low) / 2) ** 2 for one in apart) ** 0.5
    assert (found.shown.high - found.shown.low) / 2 > alone
    assert found.p == found.estimate.p()


def test_p_values_of_one_hypothesis_are_corrected_together(project):
    found = declare(project, claim("base", "kernel1"), claim("wide", "base"), claim("base", "flip"))
    alone = (claim(one.claim.first[6:], one.claim.second[6:]) for one in found.claims)
    raw = [declare(project, one).claims[0].p for one in alone]
    assert [one.p for one in found.claims] == holm(raw)
    assert max(raw) < 1 and [one.p for one in found.claims] != raw


def test_a_margin_is_what_p_and_the_interval_are_measured_from(project):
    found = declare(project, claim("base", "flip", margin=-50)).claims[0]
    assert found.p == found.estimate.p(-50) < 0.001
    assert found.verdict == "supported"
    near = declare(project, claim("base", "kernel1", margin=found_near(project))).claims[0]
    assert near.p > 0.05 and near.verdict == "undecided"


def found_near(project):
    return round(declare(project, claim("base", "kernel1")).effect().value, 1)


def test_a_ratio_of_times_has_the_interval_of_its_logarithm(project):
    options = {"metric": "train_seconds", "scale": "ratio", "margin": 1.5}
    shown = declare(project, claim("wide", "base", **options)).effect()
    back = declare(project, claim("base", "wide", **options)).effect()
    assert shown.low == pytest.approx(1 / back.high)
    assert shown.text.endswith(" times") and 1.5 < shown.value < 2.5


def test_the_best_of_a_factor_is_chosen_by_validation(project):
    exp = experiment("exp01", root=project.root)
    best = exp.best("val_accuracy", among=[v for v in exp.variants if v.factor == "width"])
    found = declare(project, claim("best:width", "base")).claims[0]
    assert found.variants[0].name == best.name


def test_one_seed_is_not_tested_and_says_why(project):
    for run in planned(project):
        if run.seed:
            Store(project.runs).remove(str(run.key))
    found = declare(project, claim("base", "kernel1"))
    assert found.verdict.text == "not tested"
    assert "one seed, which has no interval" in str(hypotheses(root=project.root).table())


def test_a_variant_without_results_is_not_tested(project):
    for run in planned(project):
        if run.variant == "wide":
            Store(project.runs).remove(str(run.key))
    assert declare(project, claim("wide", "base")).verdict.text == "not tested"


def test_a_variant_that_is_not_declared_is_an_error_that_lists_them(project):
    with pytest.raises(JournalError, match=r"exp01/wid', but exp01 has: base, depth2"):
        _ = declare(project, claim("wid", "base")).verdict


def test_a_project_without_hypotheses_says_where_they_go(project):
    with pytest.raises(JournalError, match=r"experiments/hypotheses\.yaml"):
        hypotheses(root=project.root)


def test_the_table_says_each_verdict_with_its_numbers(project):
    one = declare(project, claim("base", "kernel1"), shown="tbl-exp01")
    table = str(hypotheses(root=project.root).table())
    assert re.search(r"\| H1, size \| \[supported\]\{\.value runs=[^}]*\} \|", table)
    assert "p\u00a0\\<\u00a00.001" in table and "@tbl-exp01" in table
    assert one.effect().text.split()[0].replace("+", "") in table


def test_the_table_keeps_the_claims_that_do_not_hold_and_counts_the_rest(project):
    declare(
        project,
        claim("base", "kernel1"),
        claim("base", "kernel1", expect="below"),
        claim("wide", "base"),
    )
    table = str(hypotheses(root=project.root).table(most=1))
    assert ", refuted; 2 more hold" in table


def test_the_list_has_every_statement(project):
    declare(project, claim("base", "kernel1"))
    assert str(hypotheses(root=project.root).listing()) == "H1, size.\n:   It is so."


def test_what_was_reworded_after_its_runs_is_exploratory_wherever_it_is_shown(project):
    declare(project, claim("base", "kernel1"))
    before_its_runs(project)
    h = hypotheses(root=project.root)
    assert not h["H1"].is_exploratory and "xploratory" not in f"{h.listing()}{h.table()}"
    assert h.changes() == "No hypothesis was changed or added after its runs."

    one = declare(project, claim("base", "kernel1", margin=2), statement="It is *not* so.")
    h = hypotheses(root=project.root)
    assert one.is_exploratory and str(one) == "supported"
    assert str(h.listing()).endswith(
        "*Exploratory:* reworded after its runs; before: “It is so.”; "
        "claim “it” changed after its runs: margin 0, now 2."
    )
    assert re.search(r"\[supported\]\{[^}]*\}, exploratory \|", str(h.table()))
    assert str(h.table()).endswith("Exploratory: its words or claims came after its runs.")
    said = "Exploratory is what came after the runs: the words of H1; the claims of H1."
    assert h.changes() == said


def test_what_was_added_or_withdrawn_after_the_runs_is_listed(project):
    declare(project, claim("base", "kernel1"))
    register(Project(project.root))
    path = project.experiments / "hypotheses.yaml"
    path.write_text(path.read_text().replace("H1:", "H2:"))
    h = hypotheses(root=project.root)
    assert str(h.listing()).endswith(
        "H1, size.\n:   It is so. *Exploratory:* registered when 6 of its runs had results; "
        "withdrawn since."
    )
    assert h.changes().endswith("as a whole H1; the withdrawal of H1.")
