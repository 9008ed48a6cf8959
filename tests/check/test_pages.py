"""Pages: nothing outside of the text, tables whole, figures not empty, fonts in the file."""

from __future__ import annotations

import io

from PIL import Image

from cvlib.check.pages import figures, fonts, margins, tables
from cvlib.check.submission import Submission
from tests.check.made import CURVE, NAME, PARTS, SVG, bad, make_project, submission_of, verdicts

# ── margins ───────────────────────────────────────────────────────────────────────────────────────


def test_a_page_of_justified_text_with_head_and_foot_passes(tmp_path):
    assert verdicts(margins(submission_of(tmp_path, PARTS))) == ["ok"]


def test_a_word_that_does_not_fit_the_line_fails_at_its_page(tmp_path):
    word = "#pagebreak() #set text(hyphenate: false)\n" + "unbreakable" * 10
    (found,) = bad(margins(submission_of(tmp_path, word)))
    assert "margin" in found.says and "unbreakable" in found.says and found.page == 2


def test_text_beyond_the_edge_of_the_page_fails(tmp_path):
    (found,) = bad(margins(submission_of(tmp_path, "#place(dx: 19cm)[lost words]")))
    assert found.says == "the text 'lost words' runs off the page" and found.page == 1


def test_text_in_the_left_margin_fails(tmp_path):
    (found,) = bad(margins(submission_of(tmp_path, "#place(dx: -1.5cm)[early]")))
    assert "'early' stands in the margin" in found.says


def test_text_in_the_foot_fails(tmp_path):
    (found,) = bad(margins(submission_of(tmp_path, "#place(dy: 26.3cm)[too low]")))
    assert "'too low' stands below the last line" in found.says


def test_a_picture_that_is_too_wide_fails(tmp_path):
    body = '#image("a.svg", width: 19cm)'
    (found,) = bad(margins(submission_of(tmp_path, body, {"a.svg": CURVE})))
    assert "right margin" in found.says and found.page == 1


def test_a_table_that_is_too_wide_is_left_to_the_check_of_tables(tmp_path):
    body = "#table(columns: (4cm,) * 5, " + "[1.5]," * 4 + "[#h(1fr) last])"
    assert verdicts(margins(submission_of(tmp_path, body))) == ["ok"]


def test_an_untagged_pdf_is_looked_at_as_far_as_can_be(tmp_path, monkeypatch):
    submission = submission_of(tmp_path, "#place(dy: 26.3cm)[too low]")
    monkeypatch.setattr(type(submission.pdf), "is_tagged", False)
    assert verdicts(margins(submission)) == ["unchecked", "ok"]


# ── tables ────────────────────────────────────────────────────────────────────────────────────────

CELLS = "".join(f"[column {i}]," for i in range(5)) + "".join(f"[{i}.5]," for i in range(15))


def table(cells: str = CELLS, columns: str = "5") -> str:
    return f"""
#figure(kind: table, supplement: [Table], caption: figure.caption(position: top)[Accuracies],
  table(columns: {columns}, stroke: none, table.hline(), {cells} table.hline()))
"""


def test_tables_inside_the_text_area_pass_even_over_two_pages(tmp_path):
    long = "".join(f"[{i}]," for i in range(500))
    body = "#show figure: set block(breakable: true)\n" + table() + table(long)
    (found,) = tables(submission_of(tmp_path, body))
    assert (
        found.verdict == "ok" and found.says == "4 tables and parts of tables, none of them cut off"
    )


def test_a_table_wider_than_the_text_fails_with_its_name_and_page(tmp_path):
    (found,) = bad(tables(submission_of(tmp_path, "#pagebreak()" + table(columns="(3.7cm,) * 5"))))
    assert found.label == "Table 1" and found.page == 2
    assert "Table 1 is cut off: it sticks" in found.says and "right margin" in found.says


def test_a_table_off_the_page_fails(tmp_path):
    (found,) = bad(tables(submission_of(tmp_path, table(columns="(6cm,) * 5"))))
    assert "runs off the page" in found.says


def test_a_rule_alone_in_the_margin_fails(tmp_path):
    body = table().replace("table.hline()", "table.hline(), [#place(line(length: 20cm))]")
    assert bad(tables(submission_of(tmp_path, body)))


def test_a_table_that_cannot_break_and_runs_into_the_foot_fails(tmp_path):
    long = "".join(f"[{i}]," for i in range(5 * 60))
    body = "#set block(breakable: false)\n" + table(long)
    (found,) = bad(tables(submission_of(tmp_path, body)))
    assert "foot of the page" in found.says


def test_a_word_that_runs_into_the_next_cell_fails(tmp_path):
    cells = "[Efficientnetlite0withaverylongname],[85.9],[1],[2],[3],"
    (found,) = bad(tables(submission_of(tmp_path, table(cells, columns="(2cm,) * 5"))))
    assert "over one another" in found.says and "85.9" in found.says


def test_a_pdf_without_tables_passes(tmp_path):
    assert verdicts(tables(submission_of(tmp_path, "Text"))) == ["ok"]


# ── figures ───────────────────────────────────────────────────────────────────────────────────────


def figure(name: str) -> str:
    return f'#figure(supplement: [Figure], image("{name}", width: 8cm), caption: [Curves])\n'


def png(colour: str, dot: bool = False) -> bytes:
    image = Image.new("RGB", (200, 80), colour)
    if dot:
        image.paste("black", (20, 20, 60, 40))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def test_figures_with_lines_and_with_pixels_pass(tmp_path):
    files: dict[str, str | bytes] = {"a.svg": CURVE, "b.png": png("white", dot=True)}
    submission = submission_of(tmp_path, figure("a.svg") + figure("b.png"), files)
    (found,) = figures(submission)
    assert found.verdict == "ok" and found.says.startswith("2 pictures")


def test_a_figure_of_one_colour_fails_by_its_number(tmp_path):
    files: dict[str, str | bytes] = {"a.svg": CURVE, "b.png": png("navy")}
    (found,) = bad(figures(submission_of(tmp_path, figure("a.svg") + figure("b.png"), files)))
    assert found.label == "Figure 2" and found.page == 1
    assert "Figure 2 is empty: it is of one colour" in found.says


def test_a_figure_of_nothing_fails(tmp_path):
    (found,) = bad(figures(submission_of(tmp_path, figure("a.svg"), {"a.svg": SVG.format("")})))
    assert "has no picture" in found.says and found.page == 1


def test_an_untagged_pdf_is_said_not_to_be_checked(tmp_path, monkeypatch):
    submission = submission_of(tmp_path, figure("a.svg"), {"a.svg": SVG.format("")})
    monkeypatch.setattr(type(submission.pdf), "is_tagged", False)
    assert verdicts(figures(submission)) == ["unchecked"]


# ── fonts ─────────────────────────────────────────────────────────────────────────────────────────

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
    (found,) = fonts(submission_of(tmp_path, "Text *bold* _italic_"))
    assert found.verdict == "ok" and found.says == "3 fonts, all embedded"


def test_a_font_that_is_not_in_the_file_fails_by_name(tmp_path):
    (tmp_path / NAME).write_bytes(LOOSE)
    submission = Submission(make_project(tmp_path / "project"), tmp_path / NAME)
    (found,) = bad(fonts(submission))
    assert "Helvetica" in found.says and found.page == 1


def test_a_pdf_without_any_text_fails(tmp_path):
    submission = submission_of(tmp_path, "#rect()")
    submission.pdf.pages[0].__dict__["objects"] = ()  # without the page's number
    assert "no text" in bad(fonts(submission))[0].says
    assert verdicts(fonts(submission_of(tmp_path / "b", "Text"))) == ["ok"]
