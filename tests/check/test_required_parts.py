"""The course's parts are in the PDF's outline."""

from __future__ import annotations

import pytest

from cvlib.check.required_parts import find
from tests.check.made import PARTS, bad, subject_of, verdicts


def test_all_parts_in_their_order_pass(tmp_path):
    (found,) = find(subject_of(tmp_path, PARTS))
    assert found.verdict == "ok" and "1 experiments" in found.says


@pytest.mark.parametrize(
    ("old", "new", "lacking"),
    [
        ("== Background", "== Motivation", "no section 'Background'"),
        ("== Hypotheses", "== Guesses", "no section 'Hypotheses'"),
        ("== Plan", "== Planning", "no section 'Plan'"),
        ("= Description", "= Introduction", "no part 'Description'"),
        ("= Experiment Journal", "= Experiments", "no part 'Experiment Journal'"),
        ("= Summary", "= Conclusion", "no part 'Summary'"),
        ("== EXP01: Width", "== Width", "Experiment Journal has no experiment"),
    ],
)
def test_a_part_that_is_not_there_fails_by_its_name(tmp_path, old, new, lacking):
    found = bad(find(subject_of(tmp_path, PARTS.replace(old, new, 1))))
    assert lacking in found[0].says and found[0].to_do


def test_research_questions_stand_for_hypotheses(tmp_path):
    body = PARTS.replace("== Hypotheses", "== Research questions")
    assert verdicts(find(subject_of(tmp_path, body))) == ["ok"]


def test_a_summary_before_the_journal_fails(tmp_path):
    head, tail = PARTS.split("= Experiment Journal")
    journal, summary = tail.split("= Summary")
    body = head + "= Summary" + summary + "= Experiment Journal" + journal
    (found,) = bad(find(subject_of(tmp_path, body)))
    assert "order" in found.says


def test_an_experiment_that_stands_twice_fails_and_a_gap_is_noted(tmp_path):
    twice = PARTS.replace("= Summary", "== EXP01: Again\n= Summary")
    (found,) = bad(find(subject_of(tmp_path / "twice", twice)))
    assert "EXP01 stands twice" in found.says and found.page
    gap = PARTS.replace("= Summary", "== EXP03: Late\n= Summary")
    assert verdicts(find(subject_of(tmp_path / "gap", gap))) == ["note", "ok"]


def test_a_pdf_without_outline_fails(tmp_path):
    (found,) = bad(find(subject_of(tmp_path, "Only text")))
    assert "no outline" in found.says
