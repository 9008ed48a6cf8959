"""Small reports to check: a project in files, and PDFs that Typst makes of a few lines."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import typst

from cvlib.check.finding import Finding
from cvlib.check.submission import Submission
from cvlib.engine.chapter import text_hash
from cvlib.project import Project

REPOSITORY = Path(__file__).parents[2]
NAME = "dl4cv2024_Ada_Lovelace_module2.pdf"

QUARTO_YML = """\
project: {type: book, output-dir: _output}
book:
  title: Experiment journal
  author: Ada Lovelace
  output-file: dl4cv2024_Ada_Lovelace_module2
  chapters:
    - index.qmd
    - part: Experiment Journal
      chapters: [report/exp01.qmd]
    - report/summary.qmd
crossref: {chapters: false}
bibliography: references.bib
execute: {freeze: auto}
format: {html: default, journal-typst: default}
"""
BIB = "@book{lovelace1843, title = {Notes}, author = {Lovelace, Ada}, year = {1843}}\n"
INDEX = "# Description\n\n## Background\n\nText.\n\n## Hypotheses\n\nH1.\n\n## Plan\n\nPlan.\n"
EXP01 = "# EXP01: Width {#sec-exp01}\n\nText.\n"
SUMMARY = "# Summary\n\nDone.\n"

YAML = """\
title: Custom CNN
question: Does width pay?
dataset: {name: fashion_mnist, subset: 2000, test_subset: 1000}
base:
  model: {depth: 3, width: 16}
  train: {epochs: 3, batch_size: 128}
variants:
  base: {}
  wide: {label: 32 channels, factor: width, set: {model.width: 32}}
seeds: [0]
"""
CELL = '\n```{python}\nexperiment("exp01").run()\n```\n'

# As the report's template has them, so that what Typst makes here is read as a report is.
PAGE = """\
#set page(
  paper: "a4", margin: (x: 2.1cm, top: 2.0cm, bottom: 1.8cm),
  header: context if here().page() > 1 [Ada Lovelace #h(1fr) a chapter],
  footer: context align(center, counter(page).display("1 of 1", both: true)),
  header-ascent: 35%, footer-descent: 40%,
)
#set text(size: 10pt)
#set par(justify: true)
#set heading(numbering: "1.1")
"""
PARTS = """\
= Description
== Background
#lorem(150)
== Hypotheses
#lorem(150)
== Plan
#lorem(100)
= Experiment Journal
== EXP01: Width
#lorem(3400)
= Summary
#lorem(300)
"""
# 12 by 3 cm of curve; nothing; one colour
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 30" width="120" height="30">{}</svg>'
)
CURVE = SVG.format(
    '<rect width="120" height="30" fill="white"/><path d="M5 25 L60 5 L115 9" stroke="black" fill="none"/>'
)
NOTHING = SVG.format('<rect width="120" height="30" fill="white"/>')


def make_project(root: Path, yml: str = QUARTO_YML, **texts: str) -> Project:
    """Write a report of three chapters; `index`, `exp01`, `summary` replace their texts."""
    files = {
        "_quarto.yml": yml,
        "references.bib": BIB,
        "index.qmd": texts.get("index", INDEX),
        "report/exp01.qmd": texts.get("exp01", EXP01),
        "report/summary.qmd": texts.get("summary", SUMMARY),
    }
    (root / "report").mkdir(parents=True)
    (root / "experiments" / "runs").mkdir(parents=True)
    for name, text in files.items():
        (root / name).write_text(text, encoding="utf-8")
    shutil.copytree(REPOSITORY / "_extensions", root / "_extensions")
    return Project(root)


def freeze(
    project: Project, file: str, markdown: str, figures: Mapping[str, str | bytes] | None = None
) -> None:
    """Write a chapter's frozen copy of both formats; `figures` by their path in the folder."""
    folder = project.root / "_freeze" / file.removesuffix(".qmd")
    results = folder / "execute-results"
    results.mkdir(parents=True)
    source = (project.root / file).read_text(encoding="utf-8")
    for target in ("html", "typ"):
        record = {"hash": text_hash(source), "result": {"engine": "jupyter", "markdown": markdown}}
        (results / f"{target}.json").write_text(json.dumps(record), encoding="utf-8")
    for name, content in (figures or {}).items():
        (folder / name).parent.mkdir(exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        (folder / name).write_bytes(data)


def make_pdf(
    folder: Path, body: str, files: Mapping[str, str | bytes] | None = None, page: str = PAGE
) -> Path:
    """Let Typst make a PDF with the report's page; `files` lie beside the document."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (files or {}).items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    (folder / "main.typ").write_text(page + body, encoding="utf-8")
    path = folder / NAME
    path.write_bytes(typst.compile(folder / "main.typ", ignore_system_fonts=True))
    return path


def submission_of(
    tmp_path: Path, body: str, files: Mapping[str, str | bytes] | None = None, **texts: str
) -> Submission:
    """Make a project, and a PDF of it with this content."""
    project = make_project(tmp_path / "project", **texts)
    return Submission(project, make_pdf(tmp_path / "pdf", body, files))


def bad(findings: Iterator[Finding]) -> list[Finding]:
    """Return what failed."""
    return [finding for finding in findings if finding.verdict == "failed"]


def verdicts(findings: Iterator[Finding]) -> list[str]:
    """Return the verdicts in order."""
    return [finding.verdict for finding in findings]
