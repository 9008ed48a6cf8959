"""Executed chapters to one PDF, and to the pages of an HTML book."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cvlib.journal.fingerprints import fingerprints_file, noted_fingerprints
from cvlib.publish.chapter_tree import read_chapters
from cvlib.publish.executed import ExecutedChapter
from cvlib.publish.html_book import write_book
from cvlib.publish.project import Project
from cvlib.publish.typst_document import compile_pdf, typst_pictures, typst_source
from cvlib.studies.project import Layout


def to_typst(project: Project, chapters: Sequence[ExecutedChapter]) -> str:
    """Return the Typst source of the report (the chapters executed for Typst)."""
    return typst_source(project, read_chapters(chapters, "typst"))


def to_pdf(project: Project, chapters: Sequence[ExecutedChapter], out: Path) -> None:
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


def to_html(project: Project, chapters: Sequence[ExecutedChapter], outdir: Path) -> None:
    """Write the HTML book below `outdir` (the chapters executed for HTML): `index.html` and so on.

    The sidebar links to the PDF if it lies in `outdir` or the project's output folder already, so
    make the PDF first.
    Raises PublishError as `to_pdf` does; nothing is written then.
    """
    layout = Layout(project.root, project.profile or "default")
    now = noted_fingerprints(fingerprints_file(layout))
    write_book(project, read_chapters(chapters, "html", now), outdir)
