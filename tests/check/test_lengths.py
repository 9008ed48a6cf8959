"""Lengths are counted in pages, parts in heights of the text area."""

from __future__ import annotations

import pytest

from cvlib.check.lengths import find_parts, find_total
from cvlib.check.sections import pages_of, section_called
from tests.check.made import PARTS, bad, subject_of, verdicts

# Height of the text area in cm: 29.7 less 2.0 and 1.8.
FULL = 25.9


def block(share: float) -> str:
    """Something as high as a share of the text area."""
    return f"#block(height: {share * FULL}cm, width: 100%, breakable: true, fill: luma(200))\n"


def length(tmp_path, body: str, word: str) -> float:
    subject = subject_of(tmp_path, "#show heading: set block(above: 0pt, below: 0pt)\n" + body)
    section = section_called(subject.pdf.outline, word)
    assert section is not None
    return pages_of(section, subject)


def test_a_report_of_the_right_length_passes(tmp_path):
    subject = subject_of(tmp_path, PARTS)
    assert verdicts(find_total(subject)) == ["ok"]
    assert verdicts(find_parts(subject)) == ["ok", "ok", "ok"]


@pytest.mark.parametrize(("pages", "words"), [(4, "5 to 10 asked for"), (11, "5 to 10 allowed")])
def test_too_few_and_too_many_pages_fail(tmp_path, pages, words):
    (found,) = bad(find_total(subject_of(tmp_path, "Text #pagebreak()\n" * (pages - 1) + "End")))
    assert found.says == f"{pages} pages, {words}"


def test_parts_that_are_too_long_or_too_short_fail_at_their_page(tmp_path):
    body = PARTS.replace("#lorem(100)", "#lorem(900)").replace("#lorem(3400)", "#lorem(600)")
    description, journal = bad(find_parts(subject_of(tmp_path, body)))
    assert description.says.startswith("Description: 1.") and description.page == 1
    assert "at most 1.3" in description.says
    assert "Experiment Journal: 0." in journal.says and "3 to 8 asked for" in journal.says


def test_a_summary_of_more_than_a_page_fails(tmp_path):
    (found,) = bad(find_parts(subject_of(tmp_path, PARTS + "#lorem(900)")))
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
    assert verdicts(find_parts(subject_of(tmp_path, PARTS + after))) == ["ok", "ok", "ok"]


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
