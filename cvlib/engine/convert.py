"""Executed chapters to one PDF, and to the pages of an HTML book."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from cvlib.engine.book import Book
from cvlib.engine.chapter import ExecutedChapter
from cvlib.engine.chapter_tree import read_chapters
from cvlib.engine.html_book import write_book
from cvlib.engine.typst_document import compile_pdf, typst_pictures, typst_source


def to_typst(project: Book, chapters: Sequence[ExecutedChapter]) -> str:
    """Return the Typst source of the report (the chapters executed for Typst)."""
    return typst_source(project, read_chapters(chapters, "typst"))


def to_pdf(project: Book, chapters: Sequence[ExecutedChapter], out: Path) -> None:
    """Write the report as one PDF (the chapters executed for Typst).

    Raises PublishError for a reference that leads nowhere, a missing picture, anything that only
    Quarto knows; each names file and line.
    """
    trees = read_chapters(chapters, "typst")
    pictures = typst_pictures(project, trees)
    pdf = compile_pdf(typst_source(project, trees), pictures)
    out.parent.mkdir(parents=True, exist_ok=True)
    staged = out.with_name(out.name + ".part")
    staged.write_bytes(pdf)
    staged.replace(out)


def to_html(
    book: Book,
    chapters: Sequence[ExecutedChapter],
    outdir: Path,
    fingerprints: Mapping[str, str] | None = None,
) -> None:
    """Write the HTML book below `outdir` (the chapters executed for HTML): `index.html` and so on.

    fingerprints: of what blocks of interpretation were written beside, as they are now, by name; a
    block that names another is marked.

    The sidebar links to the PDF if it lies in `outdir` or the project's output folder already, so
    make the PDF first.
    Raises PublishError as `to_pdf` does; nothing is written then.
    """
    write_book(book, read_chapters(chapters, "html", fingerprints), outdir)
