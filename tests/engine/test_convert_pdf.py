"""The PDF itself: its text, outline, pages and bytes."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from pypdf import PdfReader
from pypdf._text_extraction import mult

from cvlib.engine.convert import to_pdf
from cvlib.engine.typst import _RARE, letters_without_glyph
from tests.engine.convert_books import EVERY_FEATURE, every_feature, executed, small_book


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    project = every_feature(tmp_path_factory.mktemp("pdf"))
    out = project.root / "_output" / "report.pdf"
    to_pdf(project, executed(project, "typ"), out)
    return out


@pytest.fixture(scope="module")
def pages(path) -> list[str]:
    return [re.sub(r"\s+", " ", page.extract_text()) for page in PdfReader(path).pages]


def small_pdf(tmp_path, texts, extra="") -> PdfReader:
    project = small_book(tmp_path, texts, extra)
    to_pdf(project, executed(project, "typ"), tmp_path / "small.pdf")
    return PdfReader(tmp_path / "small.pdf")


def outline(reader, items=None, depth=0) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for item in reader.outline if items is None else items:
        if isinstance(item, list):
            found += outline(reader, item, depth + 1)
        else:
            found.append((depth, item["/Title"]))
    return found


def test_outline_is_that_of_the_course(path):
    assert outline(PdfReader(path)) == [
        (0, "1 Description"),
        (1, "1.1 Background"),
        (1, "1.2 Hypotheses"),
        (1, "Plan"),
        (0, "2 Experiment Journal"),
        (1, "2.1 EXP01: Custom CNN"),
        (2, "2.1.1 Curves"),
        (2, "2.1.2 Panels"),
        (1, "2.2 EXP02: Receptive field"),
        (2, "2.2.1 Long table"),
        (0, "3 Summary"),
        (1, "3.1 Findings"),
        (1, "3.2 Outlook"),
        (0, "A Provenance"),
        (0, "References"),
    ]


def test_numbers_run_through_the_whole_report(pages):
    text = " ".join(pages)
    captions = [
        "Figure 1. Learning curves",
        "Table 1. Test accuracy",
        "Figure 2. Two panels",
        "Table 2. A wide table",
        "Table 3. A table written",
        "Table 4. A table longer",
        "Figure 3. A figure after",
        "Table 5. Where the numbers",
    ]
    assert [text.count(caption) for caption in captions] == [1] * len(captions)


def test_references_read_as_meant(pages):
    text = " ".join(pages)
    assert "what every run of EXP01 minimises" in text
    assert "Then the receptive field (EXP02); see also Part 3." in text
    assert "Continues EXP01, see Section 2.1.1 and Table 1." in text
    assert "As Figure 2a shows, and Figure 1, Figure 2 together. Compare Figure 2b." in text
    assert "Equation 1 is what every run" in text
    assert "?@" not in text and "??" not in text


def test_content_for_the_web_stays_out(pages):
    text = " ".join(pages)
    assert "printed edition" in text and "Raw Typst stays" in text
    assert "web edition" not in text and "Raw HTML" not in text


def test_references_are_listed_once_at_the_end(pages):
    text = " ".join(pages)
    assert text.count("Deep Residual Learning") == 1
    assert text.index("A Provenance") < text.index("Deep Residual Learning")


def test_pages_carry_chapter_author_and_number(pages):
    assert pages[0].endswith(f"1 of {len(pages)}")
    assert "Ivan Franko · Deep Learning for Computer Vision 2024, module 2" in pages[1]
    assert pages[1].startswith("Ivan Franko")
    assert "2.1 EXP01: Custom CNN" in pages[1][:120]


def test_header_row_is_repeated_where_a_table_runs_over_the_page(pages):
    with_header = [page for page in pages if "run seed accuracy" in page]
    assert len(with_header) == 2
    assert "variant 0 0" in with_header[0] and "variant 14 2" in with_header[1]


def test_nothing_is_set_outside_the_page(path):
    starts = []

    def look(text, matrix, text_matrix, _font, _size):
        if text.strip():
            starts.append((mult(text_matrix, matrix)[4], text))

    for page in PdfReader(path).pages:
        page.extract_text(visitor_text=look)
    # The margins are 2.1 cm = 59.5 pt; a table cut off would begin pieces of text beyond the right one.
    outside = [text for x, text in starts if not 59 < x < 595 - 59]
    assert len(starts) > 300
    assert outside == []


def test_metadata_is_set_and_dateless(path):
    about = PdfReader(path).metadata
    assert about.title == "Experiment journal"
    assert about.author == "Ivan Franko"
    assert about.creation_date is None
    assert PdfReader(path).trailer["/Root"]["/Lang"] == "en"


def test_only_fonts_of_the_wheel_are_embedded(path):
    fonts = {
        str(font.get_object()["/BaseFont"]).split("+")[-1]
        for page in PdfReader(path).pages
        for font in page["/Resources"]["/Font"].values()
    }
    assert fonts
    assert all(re.match(r"LibertinusSerif|DejaVuSansMono|NewCMMath", font) for font in fonts), fonts


def test_same_input_gives_the_same_bytes(path, tmp_path):
    project = every_feature(tmp_path)
    to_pdf(project, executed(project, "typ"), tmp_path / "again.pdf")
    assert (tmp_path / "again.pdf").read_bytes() == path.read_bytes()


def test_no_heading_is_left_at_the_foot_of_a_page(tmp_path):
    for lines in range(44, 50):
        filler = "\n\n".join(["A line."] * lines)
        folder = tmp_path / str(lines)
        folder.mkdir()
        reader = small_pdf(
            folder, {"index.qmd": f"# Home\n\n{filler}\n\n## Lone\n\nText.\n\nMore.\n"}
        )
        first = reader.pages[0].extract_text()
        assert ("Lone" in first) == ("Text." in first), lines


def test_caption_stays_with_its_figure(tmp_path):
    picture = EVERY_FEATURE / "_freeze/report/exp02/figure-html/fig-after-output-1.png"
    for lines in range(30, 46, 3):
        filler = "\n\n".join(["A line."] * lines)
        folder = tmp_path / str(lines)
        (folder / "book").mkdir(parents=True)
        shutil.copyfile(picture, folder / "book" / "plot.png")
        text = f"# Home\n\n{filler}\n\n![The caption.](plot.png){{#fig-a width=300}}\n"
        pages = small_pdf(folder, {"index.qmd": text}).pages
        with_picture = [number for number, page in enumerate(pages) if page.images]
        with_caption = [n for n, page in enumerate(pages) if "The caption" in page.extract_text()]
        assert with_picture == with_caption != [], lines


def test_same_heading_in_two_chapters_is_two_places(tmp_path):
    reader = small_pdf(
        tmp_path,
        {
            "index.qmd": "# Home\n\n## Results\n\nSee [here](#results).\n",
            "two.qmd": "# Two\n\n## Results\n\nSee [there](#results), [home](index.qmd#results).\n",
        },
    )
    assert len(reader.pages[0]["/Annots"]) == 3


def test_page_break_breaks_the_page(tmp_path):
    reader = small_pdf(tmp_path, {"index.qmd": "# Home\n\nOne.\n\n{{< pagebreak >}}\n\nTwo.\n"})
    assert len(reader.pages) == 2


def test_pandas_frame_becomes_a_table(tmp_path):
    frame = (
        '<div><style scoped>.x {}</style>\n<table border="1" class="dataframe"><thead><tr><th></th>'
        "<th>accuracy</th></tr></thead><tbody><tr><th>0</th><td>0.91</td></tr></tbody></table></div>"
    )
    text = (
        "# Home\n\n::: {#tbl-frame .cell tbl-cap='A frame.'}\n::: {.cell-output .cell-output-display}\n"
        f"```{{=html}}\n{frame}\n```\n:::\n:::\n\nSee @tbl-frame.\n"
    )
    text_of_page = small_pdf(tmp_path, {"index.qmd": text}).pages[0].extract_text()
    assert "accuracy" in text_of_page and "0.91" in text_of_page
    assert "See Table\u00a01." in text_of_page


def test_long_chapter_title_gives_way_to_its_label_in_the_running_head(tmp_path):
    title = "EXP01: A title " + "much too long for the head of a page " * 3
    text = f"# {title}\n\nOne.\n\n{{{{< pagebreak >}}}}\n\nTwo.\n"
    page = small_pdf(tmp_path, {"two.qmd": text}).pages[1].extract_text()
    assert "2 EXP01" in re.sub(r"\s+", " ", page)
    assert "much too long" not in page


# ── letters without a glyph ───────────────────────────────────────────────────────────────────────


def test_letters_that_no_font_has_are_found_and_all_others_are_drawn():
    assert letters_without_glyph("Ünïcode, Кирилиця, Ελληνικά, ½ − ≥ → 𝔸", installed=False) == ""
    assert letters_without_glyph("猫 and \U0010a7ff, twice 猫", installed=False) == "猫"
    known = [c for c in map(chr, range(0xA0, 0x2300)) if not _RARE.match(c) and c.isprintable()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cvlib.engine.typst._RARE", re.compile("."))
        assert letters_without_glyph("".join(known), installed=False) == ""
