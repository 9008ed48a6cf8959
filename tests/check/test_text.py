"""The PDF is compared with its chapters, and what a template left to be written is found."""

from __future__ import annotations

import shutil

import pytest

from cvlib.check.submission import Submission
from cvlib.check.text import TO_NAME, TO_WRITE, letters_drawn, unwritten, up_to_date
from cvlib.starting import TEMPLATES
from cvlib.starting.experiment import TO_ASK
from cvlib.starting.experiment import TO_NAME as NEW_TITLE
from tests.check.made import CELL, EXP01, YAML, bad, freeze, make_pdf, make_project, verdicts

# ── up to date ────────────────────────────────────────────────────────────────────────────────────

SOURCE = """# EXP01: Width {#sec-exp01}

```{python}
x
```

**Wide networks gain**, "at last" --- see @sec-exp01: `{python} exp.difference("wide")`.

- One more thing is said here in a list, with `code` in it [@lovelace1843].
"""
FROZEN = """# EXP01: Width {#sec-exp01}

**Wide networks gain**, "at last" --- see @sec-exp01: [+1.2 \\[0.3, 2.1\\] points]{.value runs="ab"}.

- One more thing is said here in a list, with `code` in it [@lovelace1843].

::: {.content-visible when-format="html"}
::: {.cell}
Nothing of this stands in the PDF, and rightly so.
:::
It is for the page alone.
:::

After it the text of the chapter goes on.
"""
PRINTED = """= EXP01: Width
*Wide networks gain*, “at last” — see EXP01: +1.2 [0.3, 2.1] points.
- One more thing is said here in a list, with `code` in it (Lovelace 1843).

After it the text of the chap#sym.hyph.soft;ter goes on.
"""


def submission(tmp_path, printed: str) -> Submission:
    project = make_project(tmp_path / "project", exp01=SOURCE)
    freeze(project, "report/exp01.qmd", FROZEN)
    return Submission(project, make_pdf(tmp_path / "pdf", printed))


def test_the_same_text_with_marks_calls_and_hyphens_passes(tmp_path):
    assert verdicts(up_to_date(submission(tmp_path, PRINTED))) == ["ok"]


def test_a_value_that_changed_since_fails(tmp_path):
    (found,) = bad(up_to_date(submission(tmp_path, PRINTED.replace("0.3", "0.4"))))
    assert "the value “+1.2 [0.3, 2.1] points”" in found.says
    assert found.where == "report/exp01.qmd:7" and "make report" in found.to_do


def test_a_sentence_that_changed_since_fails(tmp_path):
    (found,) = bad(up_to_date(submission(tmp_path, PRINTED.replace("is said", "was said"))))
    assert "the text “One more thing is said here" in found.says
    assert found.where == "report/exp01.qmd:9"


def test_words_that_name_their_runs_are_compared_as_words(tmp_path):
    named = '[a verdict in words, without any number]{.value runs="ab"}'
    project = make_project(tmp_path / "project", exp01=EXP01 + CELL)
    freeze(project, "report/exp01.qmd", named)
    pdf = make_pdf(tmp_path / "pdf", "a verdict in words, without any number")
    assert verdicts(up_to_date(Submission(project, pdf))) == ["ok"]
    pdf = make_pdf(tmp_path / "pdf", "another verdict in words")
    assert len(bad(up_to_date(Submission(project, pdf)))) == 1


def test_a_chapter_without_frozen_copy_is_said_not_to_be_compared(tmp_path):
    project = make_project(tmp_path / "project", exp01=EXP01 + CELL)
    found = list(up_to_date(Submission(project, make_pdf(tmp_path / "pdf", PRINTED))))
    assert found[0].verdict == "unchecked" and "report/exp01.qmd" in found[0].says


# ── unwritten ─────────────────────────────────────────────────────────────────────────────────────


def test_a_report_without_left_overs_passes(tmp_path):
    assert verdicts(unwritten(Submission(make_project(tmp_path)))) == ["ok"]


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
    (found,) = bad(unwritten(Submission(make_project(tmp_path, exp01=exp01))))
    assert (found.file, found.line) == ("report/exp01.qmd", line)
    assert "what table and figure say." in found.says


def test_a_chapter_without_a_title_is_found(tmp_path):
    exp01 = f"# EXP01: {TO_NAME} {{#sec-exp01}}\n\nText.\n"
    (found,) = bad(unwritten(Submission(make_project(tmp_path, exp01=exp01))))
    assert (found.file, found.line) == ("report/exp01.qmd", 1)


def test_code_and_other_words_are_no_left_overs(tmp_path):
    exp01 = "# EXP01: Width\n\nTo write this took a day.\n\n```python\n# To write: x\n```\n"
    assert verdicts(unwritten(Submission(make_project(tmp_path, exp01=exp01)))) == ["ok"]


def test_words_of_an_experiment_are_found_if_a_chapter_shows_it(project):
    yaml = project.experiments / "exp01.yaml"
    text = YAML.replace("Custom CNN", NEW_TITLE).replace("Does width pay?", f'"{TO_ASK}"')
    yaml.write_text(text)
    (project.experiments / "exp02.yaml").write_text(text)  # no chapter names it
    (project.root / "report/exp01.qmd").write_text(EXP01 + CELL)
    question, title = bad(unwritten(Submission(project)))
    assert (question.file, question.line) == ("experiments/exp01.yaml", 2)
    assert (title.file, title.line) == ("experiments/exp01.yaml", 1)


def test_it_knows_the_words_that_the_templates_use():
    texts = [path.read_text() for path in TEMPLATES.rglob("*.qmd")]
    assert len(texts) >= 3 and all(TO_WRITE.search(text) for text in texts)
    assert NEW_TITLE == TO_NAME and TO_WRITE.match(TO_ASK)


# ── letters without a glyph ───────────────────────────────────────────────────────────────────────


def test_a_letter_that_no_font_has_fails_with_its_place_and_a_package(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "cvlib.check.text.letters_without_glyph",
        lambda text, installed: "".join(c for c in "猫" if c in text),
    )
    book = submission(tmp_path, PRINTED)
    assert verdicts(letters_drawn(book)) == ["ok"]
    shutil.rmtree(book.project.root / "_freeze")
    freeze(book.project, "report/exp01.qmd", FROZEN.replace("it [@", "猫 [@"))
    book.project.forget()
    (found,) = bad(letters_drawn(Submission(book.project, book.pdf_path)))
    assert "no font here has 猫 (CJK UNIFIED IDEOGRAPH-732B): boxes" in found.says
    assert "fonts-noto-cjk" in found.to_do and found.where.startswith("report/exp01.qmd")
