"""The HTML book: whole without a network, navigable, its links true."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from cvlib.engine.book import load_book
from cvlib.engine.convert import to_html, to_typst
from tests.engine.convert_books import every_feature, executed, small_book

VOID = {"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}


class Page(HTMLParser):
    """What a test asks of a page: identifiers, links, elements, and that all are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.elements.append((tag, given))
        if given.get("id"):
            self.ids.append(given["id"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data):
        self.words += data

    def all(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        return [
            given
            for name, given in self.elements
            if name == tag
            and all(
                value in (given.get(key.rstrip("_")) or "").split() for key, value in wanted.items()
            )
        ]


def read(path: Path) -> Page:
    page = Page(path.read_text(encoding="utf-8"))
    page.words = re.sub(r"\s+", " ", page.words)
    return page


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    project = every_feature(tmp_path_factory.mktemp("html"))
    out = project.root / "_output"
    out.mkdir()
    (out / "dl4cv2024_Ivan_Franko_module2.pdf").write_bytes(b"%PDF")
    to_html(project, executed(project, "html"), out)
    return out


@pytest.fixture(scope="module")
def pages(site) -> dict[str, Page]:
    return {str(path.relative_to(site)): read(path) for path in sorted(site.rglob("*.html"))}


def test_one_page_a_chapter(pages):
    assert list(pages) == [
        "index.html", "report/exp01.html", "report/exp02.html", "report/provenance.html",
        "report/summary.html",
    ]  # fmt: skip


def test_every_element_is_closed_and_every_identifier_is_there_once(pages):
    for name, page in pages.items():
        assert page.open == [], name
        assert len(page.ids) == len(set(page.ids)), name


def test_every_link_inside_the_book_leads_somewhere(site, pages):
    checked = 0
    for name, page in pages.items():
        for given in page.all("a"):
            target = urlsplit(given["href"])
            if target.scheme:
                continue
            path = (site / name).parent / unquote(target.path) if target.path else site / name
            assert path.is_file(), f"{name}: {given['href']}"
            if target.fragment:
                other = pages[str(path.resolve().relative_to(site.resolve()))]
                assert unquote(target.fragment) in other.ids, f"{name}: {given['href']}"
            checked += 1
    assert checked > 60


def test_nothing_is_loaded_from_elsewhere(site, pages):
    for name, page in pages.items():
        for tag, key in (("link", "href"), ("script", "src"), ("img", "src")):
            for given in page.all(tag):
                address = given[key]
                assert not urlsplit(address).scheme, f"{name}: {address}"
                assert ((site / name).parent / address).is_file(), f"{name}: {address}"
    for asset in (site / "assets").iterdir():
        if asset.name == "search-index.js":
            continue  # the report's own words, which may name an address
        assert not re.search(r"https?://|@import|url\(", asset.read_text(encoding="utf-8")), (
            asset.name
        )


def test_page_weighs_little(site):
    without_pictures = sum(
        p.stat().st_size for p in site.rglob("*") if p.suffix in (".html", ".css", ".js")
    )
    assert without_pictures < 150_000


def test_sidebar_shows_the_outline_and_where_one_is(pages):
    page = pages["report/exp01.html"]
    assert "2 Experiment Journal 2.1 EXP01: Custom CNN" in page.words
    here = page.all("a", **{"aria-current": "page"})
    assert [given["href"] for given in here] == ["#content"]
    assert {"#sec-curves", "#panels"} <= {given["href"] for given in page.all("a")}
    assert [given["href"] for given in page.all("a", rel="prev")] == ["../index.html"]
    assert [given["href"] for given in page.all("a", rel="next")] == ["exp02.html"]
    assert page.all("a", class_="pdf-link")[0]["href"] == "../dl4cv2024_Ivan_Franko_module2.pdf"


def test_no_link_to_a_pdf_that_is_not_there(tmp_path):
    project = small_book(tmp_path, {})
    to_html(project, executed(project, "html"), tmp_path / "out")
    assert read(tmp_path / "out" / "index.html").all("a", class_="pdf-link") == []


def test_numbers_are_those_of_the_pdf(pages):
    assert "2.1.1 Curves" in pages["report/exp01.html"].words
    assert "A Provenance" in pages["report/provenance.html"].words
    assert "Table 5." in pages["report/provenance.html"].words
    assert "Figure 3." in pages["report/exp02.html"].words


def test_references_read_as_in_the_pdf(pages):
    words = pages["report/exp01.html"].words
    assert "As Figure 2a shows, and Figure 1, Figure 2 together." in words
    assert "Continues EXP01, see Section 2.1.1 and Table 1." in pages["report/exp02.html"].words
    assert "(EXP02); see also Part 3." in pages["index.html"].words


def test_content_for_the_pdf_stays_out(pages):
    words = pages["index.html"].words
    assert "web edition" in words and "Raw HTML stays" in words
    assert "printed edition" not in words and "Raw Typst" not in words


def test_formulas_are_mathml(pages):
    page = pages["index.html"]
    assert len(page.all("math")) == 3
    assert "eq-loss" in page.ids
    assert "(1)" in page.words


def test_code_folds_and_output_is_kept(pages):
    page = pages["report/exp01.html"]
    assert len(page.all("details", class_="code")) == 2
    assert "plain output of a cell" in page.words


def test_collapsed_callout_is_closed_and_others_are_open(pages):
    closed = pages["index.html"].all("details", class_="callout-warning")
    assert len(closed) == 1 and "open" not in closed[0]
    assert "open" in pages["report/exp02.html"].all("details", class_="callout-caution")[0]
    assert len(pages["index.html"].all("aside", class_="callout-note")) == 1


def test_pictures_are_described_and_sized(pages):
    pictures = {given["alt"]: given for given in pages["report/exp01.html"].all("img")}
    assert list(pictures) == ["A rising curve", "left: sine", "right: cosine"]
    # what the text gives is taken as it is: Quarto's width of a picture made of pixels
    assert pictures["A rising curve"]["width"] == "467"


def test_every_table_scrolls_in_a_named_box_of_its_own(pages):
    page = pages["report/exp02.html"]
    boxes = page.all("div", class_="table-scroll")
    assert len(boxes) == len(page.all("table")) == 3
    assert all(box["tabindex"] == "0" and box["role"] == "region" for box in boxes)
    assert boxes[0]["aria-label"].endswith("2. A wide table that must stay on the page.")


def test_references_stand_on_the_pages_that_cite(pages):
    assert "Deep Residual Learning" in pages["report/exp01.html"].words
    assert "Deep Residual Learning" not in pages["report/summary.html"].words
    assert "refs" in pages["index.html"].ids


def test_page_can_be_used_by_keyboard(pages):
    page = pages["index.html"]
    assert page.all("a")[0]["class"] == "skip-link"
    assert page.all("button", class_="menu-button")[0]["aria-controls"] == "sidebar"
    assert page.all("main")[0]["id"] == "content"
    assert page.all("html")[0]["lang"] == "en"


def test_failed_book_leaves_the_old_one_whole(tmp_path):
    project = small_book(tmp_path, {"index.qmd": "# Home\n\nOld text.\n", "two.qmd": "# Two\n"})
    to_html(project, executed(project, "html"), tmp_path / "out")
    before = {p: p.read_bytes() for p in (tmp_path / "out").rglob("*.html")}
    (project.root / "index.qmd").write_text("# Home\n\nNew text.\n")
    (project.root / "two.qmd").write_text("# Two\n\n@fig-none\n")
    with pytest.raises(Exception, match="leads nowhere"):
        to_html(project, executed(project, "html"), tmp_path / "out")
    assert {p: p.read_bytes() for p in (tmp_path / "out").rglob("*.html")} == before


def test_own_style_sheet_is_read_after_ours(tmp_path):
    project = small_book(tmp_path, {"report/two.qmd": "# Two\n"})
    (project.root / "own.css").write_text("p { color: red }")
    settings = project.root / "_quarto.yml"
    settings.write_text(settings.read_text().replace("html: default", "html: {css: own.css}"))
    project = load_book(project.root)
    to_html(project, executed(project, "html"), tmp_path / "out")
    sheets = [g["href"] for g in read(tmp_path / "out" / "report" / "two.html").all("link")]
    assert sheets[0] == "../assets/journal.css" and sheets[-1] == "../assets/own.css"
    assert (tmp_path / "out" / "assets" / "own.css").read_text() == "p { color: red }"


INTERPRETATION = '# Home\n\n::: {{.interpretation reviewed="{}"}}\nThe text.\n:::\n'
AGAIN = "Read it again, then: cvlib reviewed index"


@pytest.mark.parametrize(
    ("reviewed", "now", "said"),
    [
        ("exp01=aa", {"exp01": "aa"}, ""),
        ("exp01=bb", {"exp01": "aa"}, "Results of EXP01 changed since this was written. " + AGAIN),
        (
            "exp01=bb exp02=a",
            {},
            "Results of EXP01, EXP02 changed since this was written. " + AGAIN,
        ),
        ("", {"exp01": "aa"}, "Not reviewed beside its results yet. " + AGAIN),
        ("", None, ""),
    ],
)
def test_a_page_marks_text_whose_results_changed_and_the_pdf_does_not(
    tmp_path, reviewed, now, said
):
    book = small_book(tmp_path, {"index.qmd": INTERPRETATION.format(reviewed)})
    chapters = executed(book, "html")
    to_html(book, chapters, tmp_path / "out", now)
    page = Page((tmp_path / "out" / "index.html").read_text())
    assert len(page.all("div", class_="interpretation")) == 1
    assert bool(page.all("div", class_="needs-review")) == bool(said)
    assert f"{said}The text." in re.sub(r"\s*\n\s*", "", page.words)
    assert not any("reviewed" in given for _, given in page.elements)
    source = to_typst(book, chapters)
    assert "The text." in source and "#block" not in source.partition("The text.")[0][-60:]
