"""What cannot be converted stops the render, with file, line and what to do."""

from __future__ import annotations

import pytest

from cvlib.engine.convert import to_html, to_typst
from cvlib.engine.errors import RenderError, Unsupported
from tests.engine.convert_books import executed, small_book

FIGURE = "![Cap](dot.svg){#fig-curve}\n\n"

# the text of a chapter after its heading on line 1 and an empty line, the line at fault, the words
BROKEN = {
    "figure": (FIGURE + "See @fig-curv.", 5, "@fig-curv leads nowhere; did you mean 'fig-curve'?"),
    "section": ("One.\n\nSee @sec-metod.", 5, "did you mean 'sec-method'?"),
    "group": (FIGURE + "See [@fig-curve; @fig-other].", 5, "@fig-other leads nowhere"),
    "no figure": ("[-@fig-x]", 3, "@fig-x leads nowhere"),
    "label twice": (FIGURE + FIGURE, 3, "'fig-curve' is used twice"),
    "citation": ("Text.\n\nAs [@he2017] shows.", 5, "@he2017 is not in the bibliography; did you mean"),
    "citation and figure": (FIGURE + "[@fig-curve; @he2016]", 5, "mixes references to the report"),
    "picture": ("![](gone.png)", 3, "'gone.png' is not there"),
    "web picture": ("![](https://example.org/a.png)", 3, "is not a file of the project"),
    "outside": ("![](../../dot.svg)", 3, "is not there"),
    "link to a chapter": ("A [link](twoo.qmd).", 3, "'twoo.qmd' leads nowhere; did you mean 'two.qmd'?"),
    "link to a heading": ("A [link](#metod).", 3, "'#metod' leads nowhere"),
    "table without label": ("| a |\n|---|\n| 1 |\n\n: Some caption", 7, "has a caption and no label"),
    "empty figure": ("::: {#fig-none .cell fig-cap='Cap'}\n:::", 3, "has a label and nothing to show"),
    "figure with a wrong label": ("![Cap](dot.svg){#curve}", 3, "begins with 'fig-'"),
    "label without formula": ("Text {#eq-x}", 3, "does not follow a display formula"),
    "captions in a layout": (
        "::: {layout-ncol=2}\n![Some words](dot.svg)\n\n![](dot.svg)\n:::", 4, "give the whole a label",
    ),
}  # fmt: skip

UNSUPPORTED = {
    "shortcode": ("Text.\n\n{{< video a.mp4 >}}", 5, "shortcode"),
    "tabs": ("::: {.panel-tabset}\n## A\n:::", 3, ".panel-tabset"),
    "column": ("::: {.column-margin}\nx\n:::", 3, ".column-margin"),
    "unknown callout": ("::: {.callout-danger}\nx\n:::", 3, ".callout-danger"),
    "theorem": ("::: {#thm-a}\nx\n:::", 3, "'thm-a'"),
    "listing": ("```{#lst-a .python}\nx\n```", 3, "listing"),
    "reference to a listing": ("See @lst-a.", 3, "'lst-a'"),
    "latex": ("Text \\newpage text", 3, "raw LaTeX"),
    "latex format": ("::: {.content-visible when-format=\"pdf\"}\nx\n:::", 3, "write typst"),
    "profile": ("::: {.content-visible when-profile=\"x\"}\nx\n:::", 3, "when-profile"),
    "html picture": ("<img src='a.png'>", 3, "raw HTML"),
    "file name": ("```{.python filename=\"a.py\"}\nx\n```", 3, "'filename'"),
}  # fmt: skip


@pytest.fixture
def book(tmp_path):
    def make(text):
        chapters = {"two.qmd": f"# Two {{#sec-method}}\n\n{text}\n"}
        project = small_book(tmp_path, chapters, "bibliography: references.bib")
        return project

    root = tmp_path / "book"
    root.mkdir()
    (root / "dot.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
    (root / "references.bib").write_text("@book{he2016, title={T}, author={He}, year={2016}}\n")
    return make


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("output", ["typ", "html"])
def test_broken_chapter_is_refused_at_its_line(book, tmp_path, name, output):
    text, line, words = BROKEN[name]
    project = book(text)
    with pytest.raises(RenderError) as caught:
        convert(project, output, tmp_path)
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"two.qmd:{line}: ")


@pytest.mark.parametrize("name", UNSUPPORTED)
@pytest.mark.parametrize("output", ["typ", "html"])
def test_what_only_quarto_can_do_is_named(book, tmp_path, name, output):
    text, line, words = UNSUPPORTED[name]
    project = book(text)
    with pytest.raises(Unsupported) as caught:
        convert(project, output, tmp_path)
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"two.qmd:{line}: ")


@pytest.mark.parametrize("output", ["typ", "html"])
def test_all_problems_are_told_at_once_in_the_order_of_lines(book, tmp_path, output):
    parts = ("figure", "citation", "picture", "link to a heading", "table without label")
    texts = [BROKEN[name][0] for name in parts] + [UNSUPPORTED["tabs"][0]]
    with pytest.raises(RenderError) as caught:
        convert(book("\n\n".join(texts)), output, tmp_path)
    lines = str(caught.value).splitlines()
    numbers = [int(line.split(":")[1]) for line in lines]
    assert len(lines) == len(texts) and numbers == sorted(numbers), lines


@pytest.mark.parametrize(
    "text",
    ["[" * 40, "".join("  " * i + "- a\n" for i in range(300)), "::: {.x}\n" * 500],
    ids=["brackets", "lists", "divs"],
)
def test_what_nests_too_deep_is_told_with_its_line(book, tmp_path, text):
    with pytest.raises(RenderError, match=r"^two\.qmd:\d+: (nested too deep|not read within)"):
        convert(book(text), "html", tmp_path)


@pytest.mark.parametrize("output", ["typ", "html"])
def test_what_nests_as_deep_as_a_person_may_write_it_is_taken(book, tmp_path, output):
    lists = "".join("  " * i + "- a\n" for i in range(9))
    divs = "::: {.callout-note}\n" * 4 + "a\n" + ":::\n" * 4
    convert(book(f"{lists}\n\n>>>>> a\n\n{divs}"), output, tmp_path)


def convert(project, output, tmp_path):
    from cvlib.engine.convert import to_pdf

    if output == "typ":
        to_pdf(project, executed(project, "typ"), tmp_path / "out.pdf")
    else:
        to_html(project, executed(project, "html"), tmp_path / "out")


def test_citing_without_a_bibliography_is_refused(tmp_path):
    project = small_book(tmp_path, {"two.qmd": "# Two\n\nAs [@he2016] shows.\n"})
    with pytest.raises(RenderError, match=r"two\.qmd:3: @he2016 is cited.*names no bibliography"):
        to_typst(project, executed(project, "typ"))


def test_chapter_without_a_title_is_refused(tmp_path):
    project = small_book(tmp_path, {"two.qmd": "Only text.\n"})
    with pytest.raises(RenderError, match=r"two\.qmd:1: the chapter has no title"):
        to_typst(project, executed(project, "typ"))


def test_raw_html_on_purpose_is_kept_for_the_pages_alone(tmp_path):
    text = "# Two\n\n```{=html}\n<img src='data:,' alt='x'>\n```\n"
    project = small_book(tmp_path, {"two.qmd": text})
    assert "<img" not in to_typst(project, executed(project, "typ"))
    to_html(project, executed(project, "html"), tmp_path / "out")
    assert "<img src='data:,'" in (tmp_path / "out" / "two.html").read_text(encoding="utf-8")


def test_class_without_a_meaning_in_quarto_is_kept(tmp_path):
    project = small_book(tmp_path, {"two.qmd": "# Two\n\n::: {.lead}\nText.\n:::\n"})
    to_html(project, executed(project, "html"), tmp_path / "out")
    assert '<div class="lead">' in (tmp_path / "out" / "two.html").read_text(encoding="utf-8")
