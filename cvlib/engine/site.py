"""The HTML book: one page a chapter, everything it needs in its own folder."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from itertools import groupby
from pathlib import Path

from cvlib.engine.book import Book
from cvlib.engine.citations import write_cited
from cvlib.engine.crossref import Anchors, Index, relative, resolve_calls
from cvlib.engine.document import Document
from cvlib.engine.errors import RenderError, raise_all
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
    Anchors(documents)  # notes broken links
    pictures = [list(pictures_of(document, book.root)) for document in documents]

    options = book.formats["html"].options if "html" in book.formats else {}

    def page(document: Document, found: Sequence[Picture]) -> str:
        resolve_calls(document, index, book.crossref, "html")
        sizes = {picture.reference: screen_size(picture.path) for picture in found}
        blocks = page_blocks(document, book.float_titles, options.get("code-fold"), sizes)
        arguments = ["--to", "html5", "--mathml", "--wrap", "none"]
        body = write_cited(book, [document], blocks, arguments)
        return _page(book, documents, document, body, outdir)

    # All pages are made before the first is written: an error leaves the old book whole.
    with ThreadPoolExecutor(max_workers=4) as pool:
        pages = list(pool.map(page, documents, pictures))
    raise_all(each for document in documents for each in document.problems)
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


def _page(
    book: Book, documents: Sequence[Document], document: Document, body: str, outdir: Path
) -> str:
    import jinja2  # here, because a status or a PDF needs none

    position = [each is document for each in documents].index(True)
    before, after = documents[max(position - 1, 0) : position], documents[position + 1 :][:1]
    top, *below = document.headings
    depths = [(each.level - top.level, each) for each in below if each.identifier]
    return jinja2.Template(_asset("page.html"), autoescape=True, keep_trailing_newline=True).render(
        book=book,
        documents=documents,
        document=document,
        is_home=document is documents[0],
        title=as_read(book.title),
        subtitle=as_read(book.subtitle or ""),
        description=as_read(book.description or book.subtitle or book.title),
        authors=", ".join(book.names),
        styles=[*_STYLES, *(sheet.name for sheet in _style_sheets(book))],
        scripts=_SCRIPTS,
        link_to=lambda place: relative(place, document.page),
        has_pdf=(outdir / book.pdf.name).is_file() or book.pdf.is_file(),
        neighbours=[
            *(("prev", "Previous", each) for each in before),
            *(("next", "Next", each) for each in after),
        ],
        parts=_parts(documents),
        sections=[(depth, each) for depth, each in depths if 0 < depth < _SECTION_DEPTH],
        body=body,
    )


def _parts(documents: Sequence[Document]) -> list[tuple[dict[str, str] | None, list[Document]]]:
    """Chapters by the part that they stand in, which has a number and a title."""
    found: list[tuple[dict[str, str] | None, list[Document]]] = []
    for name, group in groupby(documents, lambda d: _APPENDICES if d.is_appendix else d.part):
        chapters = list(group)
        number = "" if name == _APPENDICES else chapters[0].headings[0].number.split(".")[0]
        part = None if name is None else {"number": number, "title": as_read(name)}
        found.append((part, chapters))
    return found


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
