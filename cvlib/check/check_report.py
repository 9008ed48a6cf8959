"""The check of what is handed in: every rule in order, on one report."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cvlib.check.finding import Check, Report, failed, unchecked
from cvlib.engine.errors import RenderError
from cvlib.freeze.lock import lock_folder
from cvlib.studies.registered import registered_file

if TYPE_CHECKING:
    from cvlib.check.submission import Submission
    from cvlib.project import Project

_NOTE = "check.json"
_MOST_NOTED = 4  # one for each engine, and a few more
# What differs between two PDFs of the same content: when they were made, and ids made of that.
_DATES = re.compile(
    rb"/(?:CreationDate|ModDate) ?\([^)]*\)|<xmp:(?:Create|Modify|Metadata)Date>[^<]*<|"
    rb"/ID ?\[[^\]]*\]|<xmpMM:\w+ID>[^<]*<"
)


def checks() -> tuple[Check, ...]:
    """All rules, in order. What reads a PDF is imported here: a render need not wait for it."""
    from cvlib.check import numbers, pages, parts, pictures, references, results, text

    return (
        *(parts.file_name, parts.total_pages, parts.required_parts, parts.part_lengths),
        *(pages.margins, pages.tables, pages.figures, pages.fonts),
        *(references.printed_marks, text.up_to_date, text.unwritten, references.references),
        *(pictures.pictures, results.values, results.runs, results.times),
        *(numbers.typed, numbers.roundings, numbers.images),
        *(results.frozen_copies, results.hypotheses, results.interpretations),
    )


def check_report(project: Project, pdf: Path | None = None) -> Report:
    """Check a project and its PDF; `pdf` is the output of `_quarto.yml` when left out.

    Raises BookError or SpecError, with file and line, for a `_quarto.yml` that is wrong.
    """
    from cvlib.check.submission import Submission

    return check_submission(Submission(project, pdf))


def check_submission(submission: Submission) -> Report:
    """The same, of what was read already."""
    name = submission.shown(submission.pdf_path)
    missing = None
    if not submission.pdf_path.is_file():
        to_do = (
            "`make report` (or `quarto render`) makes it; or name another: `cvlib check FILE.pdf`."
        )
        missing = failed(f"{name} does not exist", to_do)
    else:
        try:
            _ = submission.pdf
        except RenderError as error:
            missing = failed(str(error), "`make report` writes it anew.")
    found = [] if missing is None else [replace(missing, check="pdf")]
    for check in checks():
        if check.of_pdf and missing is not None:
            found.append(replace(unchecked("there is no PDF to look at"), check=check.name))
        else:
            found.extend(check(submission))
    if missing is None:
        submission.pdf.close()
    return Report(name, tuple(found))


def say_whether_ready(project: Project, pdf: Path, notify: Callable[[str], None]) -> None:
    """After a render, check the PDF that it made and say in a sentence what came of it.

    The same PDF is not looked at twice as long as nothing changed that the check reads. No mistake in
    it is a reason to lose the render. `cvlib check` says the rest, and has an exit code.
    """
    from cvlib.check.submission import Submission
    from cvlib.files import replace_text

    try:
        submission = Submission(project, pdf)
        path, key = lock_folder(project.root) / _NOTE, _digest(submission)
        try:
            noted = dict(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            noted = {}
        said = noted.get(key)
        if said is None:
            report = check_submission(submission)
            more = "" if report.ok else " `cvlib check` says what and where."
            said = report.summary() + more
            outcomes = [*noted.items(), (key, said)][-_MOST_NOTED:]
            replace_text(path, json.dumps(dict(outcomes)))
    except Exception as error:
        notify(f"{pdf.name} was not checked: {type(error).__name__}: {error}")
        return
    notify(f"{pdf.name}: {said}")


def _digest(submission: Submission) -> str:
    """Return a digest (hex) of all that the check reads."""
    from cvlib.check.pictures import picture_files
    from cvlib.results.store import Store

    project, chapters = submission.project, submission.chapters
    digest = hashlib.sha256(_DATES.sub(b"", submission.pdf_path.read_bytes()))
    files = {*project.root.glob("_quarto*.yml"), *project.root.glob("_extensions/*/*.yml")}
    files |= {
        *project.experiments.glob("*.yaml"),
        registered_file(project),
        *submission.book.bibliography,
    }
    files |= {path for each in chapters for _, _, path in picture_files(submission, each)}
    folders = [each.folder for each in chapters if each.folder is not None]
    files |= {path for folder in folders for path in folder.glob("figure-*/*")}
    for path in sorted(files):
        digest.update(f"{path} ".encode() + (path.read_bytes() if path.is_file() else b"missing"))
    runs = [
        (
            run.planned.experiment,
            run.planned.variant,
            run.planned.seed,
            run.state,
            run.cue,
            run.reason,
        )
        for run in submission.runs
    ]
    texts = [(each.text, each.typst, each.html) for each in chapters]
    sources = {mark.source for each in chapters for mark in each.values}
    there = [name for name in sorted(sources) if (project.root / name).is_file()]
    stored = [*Store(project.runs).keys()]
    state = (texts, runs, stored, there, submission.chapter_statuses, submission.to_review)
    digest.update(repr(state).encode())
    return digest.hexdigest()
