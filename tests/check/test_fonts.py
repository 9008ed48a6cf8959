"""Fonts are in the file."""

from __future__ import annotations

from cvlib.check.fonts import find
from cvlib.check.subject import Subject
from tests.check.made import NAME, bad, make_project, subject_of, verdicts

# One line in one of the fonts that a PDF reader is trusted to have.
LOOSE = b"""%PDF-1.4
1 0 obj <</Type /Catalog /Pages 2 0 R>> endobj
2 0 obj <</Type /Pages /Kids [3 0 R] /Count 1>> endobj
3 0 obj <</Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R
  /Resources <</Font <</F1 5 0 R>>>>>> endobj
4 0 obj <</Length 41>> stream
BT /F1 12 Tf 100 700 Td (Loose words) Tj ET
endstream endobj
5 0 obj <</Type /Font /Subtype /Type1 /BaseFont /Helvetica>> endobj
trailer <</Root 1 0 R>>
"""


def test_what_typst_writes_has_its_fonts(tmp_path):
    (found,) = find(subject_of(tmp_path, "Text *bold* _italic_"))
    assert found.verdict == "ok" and found.says == "3 fonts, all embedded"


def test_a_font_that_is_not_in_the_file_fails_by_name(tmp_path):
    (tmp_path / NAME).write_bytes(LOOSE)
    subject = Subject(make_project(tmp_path / "project"), tmp_path / NAME)
    (found,) = bad(find(subject))
    assert "Helvetica" in found.says and found.page == 1


def test_a_pdf_without_any_text_fails(tmp_path):
    subject = subject_of(tmp_path, "#rect()")
    subject.pdf.pages[0].__dict__["objects"] = ()  # without the page's number
    assert "no text" in bad(find(subject))[0].says
    assert verdicts(find(subject_of(tmp_path / "b", "Text"))) == ["ok"]
