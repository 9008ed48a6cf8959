"""Executed chapters to one PDF, and to the pages of an HTML book."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from cvlib.engine.book import Book, Target
from cvlib.engine.chapter import ExecutedChapter
from cvlib.engine.document import read_documents
from cvlib.engine.errors import RenderError
from cvlib.engine.pictures import pictures_of
from cvlib.engine.site import write_book
from cvlib.engine.typst import compile_pdf, typst_source


def conversion_problems(
    book: Book, chapters: Sequence[ExecutedChapter], target: Target
) -> tuple[RenderError, ...]:
    """What would stop the conversion of these chapters; nothing is kept of it."""
    try:
        if target == "html":
            with tempfile.TemporaryDirectory() as folder:
                to_html(book, chapters, Path(folder))
        else:
            _typst(book, chapters)
    except RenderError as error:
        return error.all
    return ()


def to_typst(book: Book, chapters: Sequence[ExecutedChapter]) -> str:
    """Return the Typst source of the report (the chapters executed for Typst)."""
    return typst_source(book, read_documents(chapters, "typst"))


def to_pdf(book: Book, chapters: Sequence[ExecutedChapter], out: Path) -> None:
    """Write the report as one PDF (the chapters executed for Typst).

    Raises RenderError for references that lead nowhere, missing pictures, anything that only Quarto
    knows: all of it at once, each with file and line.
    """
    pdf = compile_pdf(*_typst(book, chapters))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(pdf)


def _typst(book: Book, chapters: Sequence[ExecutedChapter]) -> tuple[str, dict[str, Path]]:
    documents = read_documents(chapters, "typst")
    found = (picture for document in documents for picture in pictures_of(document, book.root))
    pictures = {picture.place: picture.path for picture in found}
    return typst_source(book, documents), pictures


def to_html(
    book: Book,
    chapters: Sequence[ExecutedChapter],
    outdir: Path,
    fingerprints: Mapping[str, str] | None = None,
) -> None:
    """Write the HTML book below `outdir` (the chapters executed for HTML): `index.html` and so on.

    fingerprints: of the results that blocks of interpretation were written beside, as they are now, by
    experiment; a block that names another is marked. None: nothing is marked.
    The sidebar links to the PDF if it lies in `outdir` or the project's output folder already, so
    make the PDF first.
    Raises RenderError as `to_pdf` does; nothing is written then.
    """
    write_book(book, read_documents(chapters, "html", fingerprints), outdir)
