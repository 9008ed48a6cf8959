"""The PDF is compared with the chapters that it was made from."""

from __future__ import annotations

from cvlib.check.subject import Subject
from cvlib.check.up_to_date import find
from tests.check.made import EXP01, bad, freeze, make_pdf, make_project, verdicts

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
CELL = "\n```{python}\nx\n```\n"


def subject(tmp_path, printed: str) -> Subject:
    layout = make_project(tmp_path / "project", exp01=SOURCE)
    freeze(layout, "report/exp01.qmd", FROZEN)
    return Subject(layout, make_pdf(tmp_path / "pdf", printed))


def test_the_same_text_with_marks_calls_and_hyphens_passes(tmp_path):
    assert verdicts(find(subject(tmp_path, PRINTED))) == ["ok"]


def test_a_value_that_changed_since_fails(tmp_path):
    (found,) = bad(find(subject(tmp_path, PRINTED.replace("0.3", "0.4"))))
    assert "the value “+1.2 [0.3, 2.1] points”" in found.says
    assert found.where == "report/exp01.qmd:7" and "make report" in found.to_do


def test_a_sentence_that_changed_since_fails(tmp_path):
    (found,) = bad(find(subject(tmp_path, PRINTED.replace("is said", "was said"))))
    assert "the text “One more thing is said here" in found.says
    assert found.where == "report/exp01.qmd:9"


def test_words_that_name_their_runs_are_compared_as_words(tmp_path):
    named = '[a verdict in words, without any number]{.value runs="ab"}'
    layout = make_project(tmp_path / "project", exp01=EXP01 + CELL)
    freeze(layout, "report/exp01.qmd", named)
    pdf = make_pdf(tmp_path / "pdf", "a verdict in words, without any number")
    assert verdicts(find(Subject(layout, pdf))) == ["ok"]
    pdf = make_pdf(tmp_path / "pdf", "another verdict in words")
    assert len(bad(find(Subject(layout, pdf)))) == 1


def test_a_chapter_without_frozen_copy_is_said_not_to_be_compared(tmp_path):
    layout = make_project(tmp_path / "project", exp01=EXP01 + CELL)
    found = list(find(Subject(layout, make_pdf(tmp_path / "pdf", PRINTED))))
    assert found[0].verdict == "unchecked" and "report/exp01.qmd" in found[0].says
