"""The Typst markup: the same as Quarto's, since both are set by one template."""

from __future__ import annotations

import re

from cvlib.engine.convert import to_typst
from tests.engine.convert_books import EVERY_FEATURE, every_feature, executed, small_book


def test_markup_equals_that_of_quarto(tmp_path):
    project = every_feature(tmp_path)
    ours = to_typst(project, executed(project, "typ"))
    ours = ours[ours.index("#show: doc => journal(") :]
    theirs = (EVERY_FEATURE / "quarto-1.10.typ").read_text(encoding="utf-8")
    assert _normal(ours) == _normal(theirs)


def _normal(text: str) -> str:
    text = re.sub(r"icon:\s*fa-[\w-]+\(\)", "icon: none", text)  # ours never draws the icon
    text = text.replace('image("/', 'image("')  # ours is typeset in a folder of its own
    text = re.sub(r"\\(?=[^\w\s])", "", text)  # its `journal.lua` escaped less
    # a link to another chapter's file, which a PDF does not have, leads to its heading
    text = text.replace('#link("report/summary.qmd")', "#link(<sec-summary>)")
    return "\n".join(re.sub(r"\s+", "", text).split("#"))


def test_picture_alone_in_a_grid_cell_takes_its_width(tmp_path):
    project = small_book(
        tmp_path,
        {"index.qmd": "# A\n\n::: {layout-ncol=2}\n![](a.png)\n\n![](b.png){width=50%}\n:::\n"},
    )
    text = to_typst(project, executed(project, "typ"))
    assert '#box(image("/a.png", width: 100%))' in text
    assert '#box(image("/b.png", width: 50%))' in text


def test_description_of_a_picture_is_kept(tmp_path):
    project = small_book(
        tmp_path,
        {
            "index.qmd": '# A\n\n![Cap](a.png){#fig-a fig-alt="Say \\"hi\\""}\n\nIn ![line](b.png) it.\n'
        },
    )
    text = to_typst(project, executed(project, "typ"))
    assert 'image("/a.png", alt: "Say \\"hi\\"")' in text
    assert 'image("/b.png", alt: "line")' in text


def test_settings_reach_the_template(tmp_path):
    project = small_book(tmp_path, {}, "lang: de")
    text = to_typst(project, executed(project, "typ"))
    assert 'lang: "de"' in text
    assert 'paper: "a4"' in text
    assert "authors: ([Ada Lovelace],)," in text


def test_an_apostrophe_after_a_digit_is_no_prime(tmp_path):
    text = "# A\n\nEXP01's result; it's H2's.\n"
    project = small_book(tmp_path, {"index.qmd": text})
    assert "EXP01’s result; it’s H2’s" in to_typst(project, executed(project, "typ"))
