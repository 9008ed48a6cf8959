"""What a template left to be written is found, wherever it stands."""

from __future__ import annotations

import pytest

from cvlib.check.subject import Subject
from cvlib.check.unwritten import TO_NAME, TO_WRITE, find
from cvlib.starting.experiment_text import TO_ASK
from cvlib.starting.experiment_text import TO_NAME as NEW_TITLE
from cvlib.starting.template import TEMPLATES
from tests.check.made import CELL, EXP01, YAML, bad, make_project, verdicts


def test_a_report_without_left_overs_passes(tmp_path):
    assert verdicts(find(Subject(make_project(tmp_path)))) == ["ok"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("*To write: what table and figure say.*\n", 4),
        ("A sentence. *To\nwrite: what table and figure say.*\n", 4),
        ("<!-- To write: no -->\n\nIt says: *To write: what table and figure say.*\n", 6),
    ],
)
def test_a_place_in_a_chapter_is_found_with_its_line(tmp_path, text, line):
    exp01 = "# EXP01: Width {#sec-exp01}\n\nText.\n" + text
    (found,) = bad(find(Subject(make_project(tmp_path, exp01=exp01))))
    assert (found.file, found.line) == ("report/exp01.qmd", line)
    assert "what table and figure say." in found.says


def test_a_chapter_without_a_title_is_found(tmp_path):
    exp01 = f"# EXP01: {TO_NAME} {{#sec-exp01}}\n\nText.\n"
    (found,) = bad(find(Subject(make_project(tmp_path, exp01=exp01))))
    assert (found.file, found.line) == ("report/exp01.qmd", 1)


def test_code_and_other_words_are_no_left_overs(tmp_path):
    exp01 = "# EXP01: Width\n\nTo write this took a day.\n\n```python\n# To write: x\n```\n"
    assert verdicts(find(Subject(make_project(tmp_path, exp01=exp01)))) == ["ok"]


def test_words_of_an_experiment_are_found_if_a_chapter_shows_it(layout):
    yaml = layout.experiments / "exp01.yaml"
    text = YAML.replace("Custom CNN", NEW_TITLE).replace("Does width pay?", f'"{TO_ASK}"')
    yaml.write_text(text)
    (layout.experiments / "exp02.yaml").write_text(text)  # no chapter names it
    (layout.root / "report/exp01.qmd").write_text(EXP01 + CELL)
    question, title = bad(find(Subject(layout)))
    assert (question.file, question.line) == ("experiments/exp01.yaml", 2)
    assert (title.file, title.line) == ("experiments/exp01.yaml", 1)


def test_it_knows_the_words_that_the_templates_use():
    texts = [path.read_text() for path in TEMPLATES.rglob("*.qmd")]
    assert len(texts) >= 3 and all(TO_WRITE.search(text) for text in texts)
    assert NEW_TITLE == TO_NAME and TO_WRITE.match(TO_ASK)
