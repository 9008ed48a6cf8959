"""Interpretations are reviewed."""

from __future__ import annotations

from cvlib.check.interpretations import find
from cvlib.check.subject import Subject
from cvlib.freeze.interpretation import mark_reviewed
from tests.check.made import CELL, EXP01, YAML, bad, make_project, verdicts

BLOCK = '\n::: {.interpretation reviewed=""}\n**Width pays.** It does.\n:::\n'


def test_a_block_fails_until_it_is_reviewed_and_again_when_results_change(layout):
    path = layout.root / "report" / "exp01.qmd"
    path.write_text(EXP01 + CELL + BLOCK)
    (found,) = bad(find(Subject(layout)))
    assert (found.file, found.line) == ("report/exp01.qmd", 9)
    assert "Width pays." in found.says and "cvlib reviewed exp01" in found.to_do
    mark_reviewed(layout, "report/exp01.qmd")
    assert verdicts(find(Subject(layout))) == ["ok"]
    (layout.experiments / "exp01.yaml").write_text(YAML.replace("epochs: 3", "epochs: 4"))
    (found,) = bad(find(Subject(layout)))
    assert "exp01 changed since it was reviewed" in found.says


def test_a_report_without_such_blocks_passes(tmp_path):
    assert verdicts(find(Subject(make_project(tmp_path)))) == ["ok"]
