"""A person's names are data: in a page and in the PDF they stand letter by letter, whatever they hold."""

from __future__ import annotations

import html
import re
import shutil
import unicodedata
from pathlib import Path

import pypdfium2 as pdfium
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cvlib.engine.convert import to_html, to_pdf
from cvlib.engine.typst import letters_without_glyph
from cvlib.journal.quantity import Quantity, pipe_table
from cvlib.markup import markdown
from cvlib.terminal import printable
from tests.engine.convert_books import executed, small_book

ODD = (
    "@fig-one", "@8", "$x$", "$10_bill", "{{< video x >}}", "{{<", "#import", "#1", "<b>bold</b>", "a|b",
    "_x_", "x_1_y", "**b**", "`code`", "a  b", "-5", "- item", "+ plus", "1. one", "(1) one", "a) b", "O'Brien",
    '"quoted"', "a -- b", "a --- b", "wait...", "http://example.org", "www.example.org", "[x](y)", "[x]{.y}",
    "![x](y)", ":::", "::: {.x}", "---", "===", "= x", "/ term: x", "% title", "~x~", "^x^", "^[note]", "\\", "a\\",
    "&amp;", "&", "!x", "*", "_", "\\newpage", "\\*", "%%", "//x", "/* x */", "//", "a//b", "http:", "{x}", "<!-- x",
    "-->", "x\\#y", "№ 5", "ﬁ", "Ärger", "Кіт", "ζ", "<https://a.b>", "a@b.c", "#{x}", "]", "[", "`", "''", '"',
    "5'", "1-2", "-", "--", "*x", "x~y", "x^2", "|", "||", ":x:", "a:b", "^", "~", "$", "$$", "x$y$z",
)  # fmt: skip
# the same names each time, and none made shorter: `make fuzz` is for new ones
FEW = settings(
    max_examples=2, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
LONG = "a_very_long_name_" + "x" * 80 + "_of_one_word"


def names(categories: tuple[str, ...], of: str = "") -> st.SearchStrategy[str]:
    letters = st.characters(categories=categories, exclude_characters="\ufffc\ufffd")
    if of:
        letters = letters.filter(lambda c: re.fullmatch(of, unicodedata.normalize("NFKC", c)))
    marked = st.lists(st.sampled_from(ODD) | letters, min_size=1, max_size=8).map("".join)
    return marked.map(lambda name: " ".join(name.split())).filter(str.strip)


def report(named: list[str]) -> str:
    rows = [(name, f"<{name}>", str(row)) for row, name in enumerate(named)]
    said = [
        f"Value {Quantity(name)._repr_markdown_()} and {markdown(name)} are said.\n"
        for name in named
    ]
    heads = [f"## {markdown(name)}\n" for name in named[:40]]
    table = pipe_table(("Variant", named[0], "row"), rows, "llr")
    return "\n".join(
        ["# Names\n", *heads, *said, table, "", f": {markdown(named[0])} {{#tbl-x}}", ""]
    )


def made(root: Path, named: list[str]):
    return small_book(root, {"index.qmd": report(named)})


def clear(folder: Path) -> None:
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def read(text: str) -> str:
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text))


def missing(named: list[str], shown: str) -> list[str]:
    shown = read(shown)
    return [name for name in named if shown.count(read(printable(name))) < 4]


def test_every_name_is_found_again_in_the_page(tmp_path):
    printing = ("L", "M", "N", "P", "S")

    @FEW
    @given(st.lists(names(printing), min_size=60, max_size=60))
    def look(found):
        clear(tmp_path)
        named = [*ODD, LONG, *found]
        book = made(tmp_path, named)
        to_html(book, executed(book, "html"), tmp_path / "out")
        page = (tmp_path / "out" / "index.html").read_text()
        text = html.unescape(re.sub(r"<[^>]*>", "", page[page.index("<main") :]))
        assert not missing(named, text)

    look()


def test_every_name_of_latin_greek_and_cyrillic_is_found_again_in_the_pdf(tmp_path):
    european = r"[\u0020-\u017f\u0391-\u03c9\u0400-\u045f]+"

    @FEW
    @given(st.lists(names(("L", "N", "P", "S"), european), min_size=60, max_size=60))
    def look(found):
        clear(tmp_path)
        named = [*ODD, LONG, *found]
        book = made(tmp_path, named)
        to_pdf(book, executed(book, "typ"), tmp_path / "report.pdf")
        pages = pdfium.PdfDocument(tmp_path / "report.pdf")
        text = "".join(page.get_textpage().get_text_bounded() for page in pages)
        # a name may go on after the page's foot and the next one's head
        text = re.sub(r"\d+ of \d+Ada Lovelace\s+1 Names", "", text)
        boxes = letters_without_glyph("".join(named), installed=True)  # `cvlib check` says these
        assert not [name for name in missing(named, text) if not {*name} & {*boxes}]

    look()
