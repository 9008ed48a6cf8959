"""After a render it is said whether the PDF may be handed in, and the same PDF is looked at once."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from cvlib.check.check_report import say_whether_ready
from cvlib.freeze import hook
from cvlib.project import Project


class Report:
    """What a check gives, as far as it is asked."""

    def __init__(self, ok: bool) -> None:
        self.ok = ok

    def summary(self) -> str:
        return "ready to hand in." if self.ok else "2 things to mend before this is handed in."


@pytest.fixture
def checked(monkeypatch) -> list[Path]:
    """The PDFs that were checked, one after the other; each passes but the first."""
    seen: list[Path] = []

    def check_submission(submission):
        seen.append(submission.pdf_path)
        return Report(ok=len(seen) > 1)

    monkeypatch.setattr("cvlib.check.check_report.check_submission", check_submission)
    return seen


@pytest.fixture
def book(frozen_book) -> Project:
    return frozen_book


@pytest.fixture
def pdf(book) -> Path:
    path = book.root / "_output" / "small.pdf"
    path.parent.mkdir()
    path.write_bytes(b"%PDF text /CreationDate (D:20240101) /ID [<aa> <bb>]")
    return path


def said(book, pdf) -> str:
    lines: list[str] = []
    say_whether_ready(Project(book.root), pdf, lines.append)  # as a command does: read anew
    (line,) = lines
    return line


def test_a_pdf_that_differs_in_its_date_alone_is_looked_at_once(book, pdf, checked):
    first = said(book, pdf)
    assert first == (
        "small.pdf: 2 things to mend before this is handed in. `cvlib check` says what and where."
    )
    pdf.write_bytes(b"%PDF text /CreationDate (D:20240102) /ID [<cc> <dd>]")
    assert said(book, pdf) == first and len(checked) == 1
    pdf.write_bytes(b"%PDF another text")
    assert said(book, pdf) == "small.pdf: ready to hand in." and len(checked) == 2


def test_it_is_looked_at_again_when_anything_else_changed(book, pdf, checked):
    said(book, pdf)
    (book.root / "report/summary.qmd").write_text("# Summary\n\nAnother.\n")
    said(book, pdf)
    said(book, pdf)
    assert len(checked) == 2
    (book.root / "references.bib").write_text("@book{another, title = {Another}}\n")
    said(book, pdf)
    assert len(checked) == 3


def test_a_mistake_in_the_check_is_said_and_loses_no_render(book, pdf, monkeypatch):
    monkeypatch.setattr("cvlib.check.check_report.check_submission", lambda submission: 1 / 0)
    assert said(book, pdf) == "small.pdf was not checked: ZeroDivisionError: division by zero"


def test_the_hook_checks_the_pdf_that_quarto_made(book, pdf, checked, monkeypatch, capsys):
    monkeypatch.setenv("QUARTO_PROJECT_OUTPUT_DIR", str(pdf.parent))
    hook.main(["pre"])
    capsys.readouterr()
    os.utime(pdf, (1, 1))
    assert hook.main(["post"]) == 0 and capsys.readouterr().out == "", "this render made none"
    os.utime(pdf, (time.time() + 1, time.time() + 1))
    assert hook.main(["post"]) == 0
    assert capsys.readouterr().out.startswith("cvlib: small.pdf: 2 things to mend")
    monkeypatch.setenv("QUARTO_PROFILE", "quick")
    assert hook.main(["post"]) == 0 and capsys.readouterr().out == "", "no PDF to hand in"
