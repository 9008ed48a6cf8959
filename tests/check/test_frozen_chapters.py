"""Frozen chapters are true."""

from __future__ import annotations

from cvlib.check.frozen_chapters import find
from cvlib.check.subject import Subject
from tests.check.made import CELL, EXP01, QUARTO_YML, bad, make_project, verdicts


def test_a_chapter_that_was_never_executed_fails_by_its_file(tmp_path):
    (found,) = bad(find(Subject(make_project(tmp_path, exp01=EXP01 + CELL))))
    assert found.file == "report/exp01.qmd" and found.to_do


def test_a_report_that_executes_nothing_passes(tmp_path):
    assert verdicts(find(Subject(make_project(tmp_path)))) == ["ok"]


def test_a_profile_that_freezes_nothing_is_said_not_to_be_checked(tmp_path):
    yml = QUARTO_YML.replace("freeze: auto", "freeze: false")
    assert verdicts(find(Subject(make_project(tmp_path, yml)))) == ["unchecked"]
