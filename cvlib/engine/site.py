"""The HTML book: one page a chapter, everything it needs in its own folder."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from html import escape
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from string import Template

from cvlib.engine.book import Book
from cvlib.engine.citations import write_cited
from cvlib.engine.crossref import Anchors, Index, relative, resolve_calls
from cvlib.engine.document import Document
from cvlib.engine.errors import RenderError
from cvlib.engine.html import page_blocks
from cvlib.engine.pictures import Picture, pictures_of, screen_size
from cvlib.engine.search_index import SEARCH_INDEX, search_index
from cvlib.engine.tree import as_read

_STYLES = ("journal.css", "search.css", "figures.css")
# The first one sets the colours, before anything is painted; the others wait for the page.
_SCRIPTS = ("journal.js", "search.js", "figures.js", "code.js")
_SECTION_DEPTH = 3
_APPENDICES = "Appendices"


def write_book(book: Book, documents: Sequence[Document], outdir: Path) -> None:
    """Write pages, pictures, style sheets, scripts and the index of the search below `outdir`."""
    index = Index(documents)
    Anchors(documents)  # refuses broken links
    pictures = [list(pictures_of(document, book.root)) for document in documents]

    def page(document: Document, found: Sequence[Picture]) -> str:
        resolve_calls(document, index, book.crossref, "html")
        return _page(book, documents, document, _body(book, document, found), outdir)

    # All pages are made before the first is written: an error leaves the old book whole.
    with ThreadPoolExecutor(max_workers=4) as pool:
        pages = list(pool.map(page, documents, pictures))
    for picture in (picture for found in pictures for picture in found):
        (outdir / picture.place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(picture.path, outdir / picture.place)
    for name in (*_STYLES, *_SCRIPTS):
        _write(outdir / "assets" / name, _asset(name))
    for sheet in _style_sheets(book):
        shutil.copyfile(sheet, outdir / "assets" / sheet.name)
    _write(outdir / SEARCH_INDEX, search_index(documents, book.float_titles))
    for document, text in zip(documents, pages, strict=True):
        _write(outdir / document.page, text)


def _body(book: Book, document: Document, pictures: Sequence[Picture]) -> str:
    options = book.formats["html"].options if "html" in book.formats else {}
    sizes = {picture.reference: screen_size(picture.path) for picture in pictures}
    blocks = page_blocks(document, book.float_titles, options.get("code-fold"), sizes)
    arguments = ["--to", "html5", "--mathml", "--wrap", "none"]
    return write_cited(book, [document], blocks, arguments)


def _page(
    book: Book, documents: Sequence[Document], document: Document, body: str, outdir: Path
) -> str:
    is_home = document is documents[0]
    title, authors = escape(as_read(book.title)), escape(", ".join(book.names))
    name = escape(document.title_text)

    def link_to(place: str) -> str:
        return escape(relative(place, document.page))

    has_pdf = (outdir / book.pdf.name).is_file() or book.pdf.is_file()
    pdf_link = f'<a class="pdf-link" href="{link_to(book.pdf.name)}">Report as PDF</a>'
    styles = [*_STYLES, *(sheet.name for sheet in _style_sheets(book))]
    position = [each is document for each in documents].index(True)
    before, after = documents[max(position - 1, 0) : position], documents[position + 1 :][:1]
    return Template(_asset("page.html")).substitute(
        lang=escape(book.lang),
        title=title if is_home else f"{name} – {title}",
        description=escape(as_read(book.description or book.subtitle or book.title)),
        author=authors,
        styles="\n".join(
            f'<link rel="stylesheet" href="{link_to(f"assets/{name}")}">' for name in styles
        ),
        scripts="\n".join(
            f'<script src="{link_to(f"assets/{name}")}"{" defer" if place else ""}></script>'
            for place, name in enumerate(_SCRIPTS)
        ),
        home=link_to(documents[0].page),
        book_title=title,
        chapter_title=name,
        byline=authors,
        title_block=_title_block(book) if is_home else "",
        sidebar=_sidebar(documents, document),
        pdf_link=pdf_link if has_pdf else "",
        neighbours="\n".join(
            f'<a class="{rel}" rel="{rel}" href="{link_to(each.page)}">'
            f'<span class="direction">{word}</span>'
            f'<span class="where">{escape(each.title_text)}</span></a>'
            for rel, word, there in (("prev", "Previous", before), ("next", "Next", after))
            for each in there
        ),
        body=body,
    )


def _title_block(book: Book) -> str:
    lines = [f'<p class="book-name">{escape(as_read(book.title))}</p>']
    if book.subtitle:
        lines.append(f'<p class="book-subtitle">{escape(as_read(book.subtitle))}</p>')
    facts = [escape(text) for text in (", ".join(book.names), book.date) if text]
    lines.append(f'<p class="book-facts">{" · ".join(facts)}</p>')
    return f'<header class="title-block">{"".join(lines)}</header>'


def _sidebar(documents: Sequence[Document], current: Document) -> str:
    """The list of chapters, grouped by part; the current one with its sections."""

    def numbered(number: str, name: str) -> str:
        return (f'<span class="number">{escape(number)}</span> ' if number else "") + escape(name)

    lines = ['<ol class="chapters">']
    for part, group in groupby(documents, lambda d: _APPENDICES if d.is_appendix else d.part):
        entries: list[str] = []
        number = ""
        for document in group:
            top = document.headings[0] if document.headings else None
            name = numbered(top.number if top else "", document.title_text)
            if not entries and top and part != _APPENDICES:
                number = top.number.split(".")[0]
            if document is not current:
                href = escape(relative(document.page, current.page))
                entries.append(f'<li><a href="{href}">{name}</a></li>')
                continue
            sections = "".join(
                f'<li class="depth-{each.level - top.level}">'
                f'<a href="#{escape(each.identifier)}">{escape(each.title)}</a></li>'
                for each in document.headings[1:]
                if top and each.identifier and 0 < each.level - top.level < _SECTION_DEPTH
            )
            sections = f'<ol class="sections">{sections}</ol>' if sections else ""
            entries.append(f'<li><a href="#content" aria-current="page">{name}</a>{sections}</li>')
        if part is not None:
            title = f'<span class="part-title">{numbered(number, as_read(part))}</span>'
            entries = [f'<li class="part">{title}<ol>', *entries, "</ol></li>"]
        lines += entries
    return "\n".join([*lines, "</ol>"])


def _style_sheets(book: Book) -> list[Path]:
    """The project's own style sheets, which are read after ours."""
    for path in book.style_sheets:
        if not path.is_file():
            raise RenderError(f"the style sheet {path.name!r} is not there", file="_quarto.yml")
    return book.style_sheets


def _asset(name: str) -> str:
    return (files("cvlib.engine") / "assets" / name).read_text(encoding="utf-8")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
