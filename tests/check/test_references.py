"""References and citations lead somewhere."""

from __future__ import annotations

import json

import pytest

from cvlib.check.references import printed_marks, references
from cvlib.check.submission import Submission
from tests.check.made import QUARTO_YML, bad, freeze, make_project, submission_of, verdicts

CALLS = "# EXP01: Width {#sec-exp01}\n\nSee @fig-a, @Tbl-b and [-@sec-exp01; @sec-more], as in [@lovelace1843, p. 3].\n"
MADE = """
![A curve.](exp01_files/figure-typst/fig-a-output-1.svg){#fig-a}

::: {#tbl-b .cell tbl-cap='Rows.'}
| a |
|---|
:::

## More {#sec-more}
"""
CELL = "\n```{python}\n#| label: fig-a\nplot()\n```\n"


def chapters(tmp_path, exp01: str, frozen: str | None = None, yml: str = QUARTO_YML) -> Submission:
    project = make_project(tmp_path, yml, exp01=exp01)
    if frozen is not None:
        freeze(project, "report/exp01.qmd", frozen)
    return Submission(project)


def test_labels_of_cells_headings_and_tables_are_found_in_the_frozen_copy(tmp_path):
    (found,) = references(chapters(tmp_path, CALLS + CELL, CALLS + MADE))
    assert found.verdict == "ok" and found.says.startswith("5 references")


@pytest.mark.parametrize(
    ("right", "wrong", "near"),
    [
        ("@fig-a,", "@fig-aa,", "did you mean 'fig-a'?"),
        ("@sec-more", "@sec-moer", "did you mean 'sec-more'?"),
        ("@lovelace1843", "@lovelace1834", "did you mean 'lovelace1843'?"),
        ("@lovelace1843", "@{doi:10.1/x}", "not in the bibliography"),
    ],
)
def test_a_call_of_what_is_not_there_fails_at_its_line(tmp_path, right, wrong, near):
    text = CALLS.replace(right, wrong)
    (found,) = bad(references(chapters(tmp_path, text + CELL, text + MADE)))
    assert (found.file, found.line) == ("report/exp01.qmd", 3)
    assert near in found.says and wrong.strip("@{},") in (found.label or "")


def test_a_call_that_was_written_after_the_chapter_was_frozen_fails(tmp_path):
    text = CALLS.replace("See", "See @fig-new and")
    (found,) = bad(references(chapters(tmp_path, text + CELL, CALLS + MADE)))
    assert found.label == "fig-new"


def test_a_label_whose_cell_shows_nothing_is_not_there(tmp_path):
    text = "# EXP01: Width\n\n@fig-a\n"
    assert bad(references(chapters(tmp_path / "frozen", text + CELL, text)))
    assert not bad(references(chapters(tmp_path / "not", text + CELL)))


@pytest.mark.parametrize(
    "text",
    [
        "Write to ada@example.org.",
        "As code: `@fig-none`.",
        "```\n@fig-none\n```",
        "<!-- @fig-none -->",
        "An escaped \\@sign.",
        "[a profile](https://example.org/@nobody)",
    ],
)
def test_other_uses_of_the_sign_are_no_calls(tmp_path, text):
    assert verdicts(references(chapters(tmp_path, f"# EXP01: Width\n\n{text}\n"))) == ["ok"]


def test_a_bibliography_in_csl_json_is_read(tmp_path):
    yml = QUARTO_YML.replace("references.bib", "works.json")
    project = make_project(tmp_path, yml, exp01="# EXP01: Width\n\n@lovelace1843 and @nobody1900\n")
    (tmp_path / "works.json").write_text(json.dumps([{"id": "lovelace1843"}]))
    (found,) = bad(references(Submission(project)))
    assert found.label == "nobody1900"


@pytest.mark.parametrize("mark", ["?\\@fig-a", "Figure ??", "[?]"])
def test_what_is_printed_for_a_missing_reference_fails_at_its_page(tmp_path, mark):
    (found,) = bad(printed_marks(submission_of(tmp_path, f"Text #pagebreak() See {mark} here.")))
    assert found.page == 2 and "was not resolved" in found.says


def test_a_citation_that_pandoc_printed_as_missing_fails(tmp_path):
    submission = submission_of(
        tmp_path, "As said (*lovelace1843?*)", exp01="# EXP01\n\n[@lovelace1843]\n"
    )
    (found,) = bad(printed_marks(submission))
    assert "lovelace1843?" in found.says and found.page == 1


def test_an_honest_question_is_no_missing_reference(tmp_path):
    assert verdicts(printed_marks(submission_of(tmp_path, "Is it so (or not?) Yes."))) == ["ok"]


def test_a_name_that_looks_like_a_reference_is_none(tmp_path):
    text = "# EXP01\n\nThe class \\@fig-one is a name.\n"
    submission = submission_of(tmp_path, "The class \\@fig-one is a name.", exp01=text)
    assert verdicts(printed_marks(submission)) == ["ok"]
