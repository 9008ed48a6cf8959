"""The submission check: every check in order, on one report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cvlib.check import (
    drawn_figures,
    file_name,
    fonts,
    frozen_chapters,
    interpretations,
    lengths,
    page_bounds,
    picture_files,
    references,
    required_parts,
    results,
    tables,
    traces,
    unwritten,
    up_to_date,
)
from cvlib.check.finding import Finding, failed, unchecked
from cvlib.check.report import Report
from cvlib.check.subject import Subject
from cvlib.engine.errors import RenderError

if TYPE_CHECKING:
    from cvlib.project import Project


@dataclass(frozen=True)
class Check:
    """One check: its name, what it does, and whether it reads the PDF."""

    name: str
    find: Callable[[Subject], Iterator[Finding]]
    of_pdf: bool


CHECKS = (
    Check("file name", file_name.find, of_pdf=True),
    Check("pages", lengths.find_total, of_pdf=True),
    Check("parts", required_parts.find, of_pdf=True),
    Check("lengths", lengths.find_parts, of_pdf=True),
    Check("margins", page_bounds.find, of_pdf=True),
    Check("tables", tables.find, of_pdf=True),
    Check("figures", drawn_figures.find, of_pdf=True),
    Check("fonts", fonts.find, of_pdf=True),
    Check("printed marks", references.find_in_pdf, of_pdf=True),
    Check("up to date", up_to_date.find, of_pdf=True),
    Check("to write", unwritten.find, of_pdf=False),
    Check("references", references.find_in_chapters, of_pdf=False),
    Check("pictures", picture_files.find, of_pdf=False),
    Check("values", traces.find, of_pdf=False),
    Check("results", results.find, of_pdf=False),
    Check("chapters", frozen_chapters.find, of_pdf=False),
    Check("interpretations", interpretations.find, of_pdf=False),
)


def check_report(layout: Project, pdf: Path | None = None) -> Report:
    """Check a project and its PDF; `pdf` is the output of `_quarto.yml` when left out.

    Raises ProjectError or SpecError, with file and line, for a `_quarto.yml` that is wrong.
    """
    subject = Subject(layout, pdf)
    found = list(_pdf_is_there(subject))
    missing = bool(found)
    for check in CHECKS:
        if missing and check.of_pdf:
            found.append(replace(unchecked("there is no PDF to look at"), check=check.name))
            continue
        found.extend(replace(finding, check=check.name) for finding in check.find(subject))
    if not missing:
        subject.pdf.close()
    return Report(subject.shown(subject.pdf_path), tuple(found))


def _pdf_is_there(subject: Subject) -> Iterator[Finding]:
    name = subject.shown(subject.pdf_path)
    if not subject.pdf_path.is_file():
        to_do = (
            "`make report` (or `quarto render`) makes it; or name another: `cvlib check FILE.pdf`."
        )
        yield replace(failed(f"{name} does not exist", to_do), check="pdf")
        return
    try:
        _ = subject.pdf
    except RenderError as error:
        yield replace(failed(str(error), "`make report` writes it anew."), check="pdf")
