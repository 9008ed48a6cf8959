"""What the search box looks through: every section with its words, every figure and table."""

from __future__ import annotations

import json

import pytest

from cvlib.engine.book import load_book
from cvlib.engine.convert import to_html
from tests.engine.convert_books import every_feature, executed, small_book


def places(out) -> list[dict[str, str]]:
    script = (out / "assets" / "search-index.js").read_text(encoding="utf-8")
    assert script.startswith("window.journalIndex = ")
    return json.loads(script.removeprefix("window.journalIndex = ").rstrip(";\n"))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    project = every_feature(tmp_path_factory.mktemp("search"))
    out = project.root / "_output"
    to_html(project, executed(project, "html"), out)
    return out


def test_every_place_leads_to_an_anchor_of_its_page(site):
    found = places(site)
    assert len(found) > 20
    for place in found:
        page = (site / place["page"]).read_text(encoding="utf-8")
        assert f'id="{place["anchor"]}"' in page, place


def test_a_section_has_its_number_its_chapter_and_its_words(site):
    [curves] = [p for p in places(site) if p["anchor"] == "sec-curves"]
    assert curves["number"] == "2.1.1" and curves["title"] == "Curves"
    assert curves["chapter"] == "EXP01: Custom CNN" and curves["page"] == "report/exp01.html"
    assert "Figure 1 shows the curves" in curves["text"]  # numbers as on the page
    assert "0.921 ± 0.002" in curves["text"]  # cells of a table
    assert "Panels" not in curves["text"]  # the next section's


def test_figures_and_tables_can_be_found_by_number_and_caption(site):
    [figure] = [p for p in places(site) if p["anchor"] == "fig-curve"]
    assert figure["title"] == "Figure 1" and figure["text"].startswith("Learning curves of the")


def test_neither_code_nor_keys_of_citations_are_words_of_the_report(site):
    text = " ".join(place["text"] for place in places(site))
    assert "np.sin" not in text and "plt.show" not in text
    assert "@he2016" not in text and "he2016" not in text


def test_titles_of_figures_follow_the_project(tmp_path):
    text = '# Home\n\n![A dot.](dot.png){#fig-dot fig-alt="dot"}\n'
    project = small_book(tmp_path, {"index.qmd": text})
    settings = project.root / "_quarto.yml"
    settings.write_text(settings.read_text().replace("{chapters: false}", "{fig-title: Abbildung}"))
    (project.root / "dot.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    project = load_book(project.root)
    to_html(project, executed(project, "html"), tmp_path / "out")
    assert "Abbildung 1" in [place["title"] for place in places(tmp_path / "out")]


def test_definitions_are_found_by_their_term_and_citations_leave_no_gap(tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "a.bib").write_text("@misc{a, title={A}, author={Ada}, year={1843}}")
    text = "# Home\n\nTerm, rare\n:   what it means\n\nFilters [@a], and more.\n"
    project = small_book(tmp_path, {"index.qmd": text}, "bibliography: a.bib")
    to_html(project, executed(project, "html"), tmp_path / "out")
    [home] = [p for p in places(tmp_path / "out") if p["title"] == "Home"]
    assert home["text"] == "Term, rare what it means Filters, and more."
