"""The PDF's name, its parts and their lengths, as the course asks for them."""

from __future__ import annotations

import pytest

from cvlib.check.parts import (
    file_name,
    pages_of,
    part_lengths,
    required_parts,
    section_called,
    total_pages,
)
from cvlib.check.submission import Submission
from tests.check.made import NAME, PARTS, QUARTO_YML, bad, make_project, submission_of, verdicts

# ── file name ─────────────────────────────────────────────────────────────────────────────────────


def named(tmp_path, name: str, author: str = "Ada Lovelace") -> Submission:
    yml = QUARTO_YML.replace("author: Ada Lovelace", f'author: "{author}"')
    return Submission(make_project(tmp_path / "project", yml), tmp_path / name)


def test_the_expected_name_passes(tmp_path):
    assert verdicts(file_name(named(tmp_path, NAME))) == ["ok"]


@pytest.mark.parametrize(
    "name",
    [
        "dl4cv2024_Ada_Lovelace_module1.pdf",
        "report.pdf",
        "dl4cv2024_ada_lovelace_module2.pdf",
        "dl4cv2024_Lovelace_Ada_module2.pdf",
    ],
)
def test_any_other_name_fails_at_the_key_that_sets_it(tmp_path, name):
    (found,) = bad(file_name(named(tmp_path, name)))
    assert name in found.says and NAME in found.says
    assert (found.file, found.line) == ("_quarto.yml", 5)
    assert "output-file: dl4cv2024_Ada_Lovelace_module2`" in found.to_do


def test_the_rule_for_umlauts_is_said_where_it_was_used(tmp_path):
    (found,) = bad(file_name(named(tmp_path, NAME, author="Jürgen Müller")))
    assert "dl4cv2024_Juergen_Mueller_module2.pdf" in found.says
    assert "ü as ue" in found.to_do


def test_a_name_that_cannot_be_split_fails_at_the_author(tmp_path):
    (found,) = bad(file_name(named(tmp_path, NAME, author="Madonna")))
    assert (found.file, found.line) == ("_quarto.yml", 4)
    assert "first-name" in found.says


# ── required parts ────────────────────────────────────────────────────────────────────────────────


def test_all_parts_in_their_order_pass(tmp_path):
    (found,) = required_parts(submission_of(tmp_path, PARTS))
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
    found = bad(required_parts(submission_of(tmp_path, PARTS.replace(old, new, 1))))
    assert lacking in found[0].says and found[0].to_do


def test_research_questions_stand_for_hypotheses(tmp_path):
    body = PARTS.replace("== Hypotheses", "== Research questions")
    assert verdicts(required_parts(submission_of(tmp_path, body))) == ["ok"]


def test_a_summary_before_the_journal_fails(tmp_path):
    head, tail = PARTS.split("= Experiment Journal")
    journal, summary = tail.split("= Summary")
    body = head + "= Summary" + summary + "= Experiment Journal" + journal
    (found,) = bad(required_parts(submission_of(tmp_path, body)))
    assert "order" in found.says


def test_an_experiment_that_stands_twice_fails_and_a_gap_is_noted(tmp_path):
    twice = PARTS.replace("= Summary", "== EXP01: Again\n= Summary")
    (found,) = bad(required_parts(submission_of(tmp_path / "twice", twice)))
    assert "EXP01 stands twice" in found.says and found.page
    gap = PARTS.replace("= Summary", "== EXP03: Late\n= Summary")
    assert verdicts(required_parts(submission_of(tmp_path / "gap", gap))) == ["note", "ok"]


def test_a_pdf_without_outline_fails(tmp_path):
    (found,) = bad(required_parts(submission_of(tmp_path, "Only text")))
    assert "no outline" in found.says


# ── lengths ───────────────────────────────────────────────────────────────────────────────────────

# Height of the text area in cm: 29.7 less 2.0 and 1.8.
FULL = 25.9


def block(share: float) -> str:
    """Something as high as a share of the text area."""
    return f"#block(height: {share * FULL}cm, width: 100%, breakable: true, fill: luma(200))\n"


def length(tmp_path, body: str, word: str) -> float:
    submission = submission_of(
        tmp_path, "#show heading: set block(above: 0pt, below: 0pt)\n" + body
    )
    section = section_called(submission.pdf.outline, word)
    assert section is not None
    return pages_of(section, submission)


def test_a_report_of_the_right_length_passes(tmp_path):
    submission = submission_of(tmp_path, PARTS)
    assert verdicts(total_pages(submission)) == ["ok"]
    assert verdicts(part_lengths(submission)) == ["ok", "ok", "ok"]


@pytest.mark.parametrize(("pages", "words"), [(4, "5 to 10 asked for"), (11, "5 to 10 allowed")])
def test_too_few_and_too_many_pages_fail(tmp_path, pages, words):
    (found,) = bad(
        total_pages(submission_of(tmp_path, "Text #pagebreak()\n" * (pages - 1) + "End"))
    )
    assert found.says == f"{pages} pages, {words}"


def test_parts_that_are_too_long_or_too_short_fail_at_their_page(tmp_path):
    body = PARTS.replace("#lorem(100)", "#lorem(900)").replace("#lorem(3400)", "#lorem(600)")
    description, journal = bad(part_lengths(submission_of(tmp_path, body)))
    assert description.says.startswith("Description: 1.") and description.page == 1
    assert "at most 1.3" in description.says
    assert "Experiment Journal: 0." in journal.says and "3 to 8 asked for" in journal.says


def test_a_summary_of_more_than_a_page_fails(tmp_path):
    (found,) = bad(part_lengths(submission_of(tmp_path, PARTS + "#lorem(900)")))
    assert found.says.startswith("Summary: 1.")


@pytest.mark.parametrize(
    "after",
    [
        "= References\n#lorem(700)",
        "= Provenance\n#lorem(700)",
        "#heading(level: 2, numbering: none)[Provenance]\n#lorem(700)",
        "#heading(numbering: none)[References]\n#lorem(700)",
    ],
)
def test_provenance_and_references_do_not_count_to_the_summary(tmp_path, after):
    assert verdicts(part_lengths(submission_of(tmp_path, PARTS + after))) == ["ok", "ok", "ok"]


def test_a_part_ends_where_the_next_heading_stands(tmp_path):
    body = "= Description\n" + block(0.5) + "= Summary\n" + block(0.1)
    assert length(tmp_path, body, "description") == pytest.approx(0.52, abs=0.02)


def test_a_part_over_several_pages_adds_up(tmp_path):
    body = f"= Description\n{block(0.9)}{block(0.9)}{block(0.3)}= Summary\n"
    assert length(tmp_path, body, "description") == pytest.approx(2.13, abs=0.02)


def test_white_space_before_a_new_page_is_not_counted(tmp_path):
    body = "= Description\n" + block(0.3) + "#pagebreak()\n= Summary\n" + block(0.2)
    assert length(tmp_path, body, "description") == pytest.approx(0.32, abs=0.02)


def test_the_last_part_ends_with_its_last_line(tmp_path):
    body = "= Description\n#pagebreak()\n= Summary\n" + block(0.25)
    assert length(tmp_path, body, "summary") == pytest.approx(0.27, abs=0.02)
