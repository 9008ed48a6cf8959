"""Small book projects and a stand-in for the conversion half."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest

import cvlib.engine
from cvlib.engine.chapter import read_chapter
from cvlib.freeze.freshness import cited_reads, own_reads
from cvlib.freeze.frozen_copy import Record, freeze_folder, write_frozen
from cvlib.freeze.reads import path_digest
from cvlib.project import Project
from cvlib.recorder import reads_file

FIXTURES = Path(__file__).parent / "fixtures"
EXTENSIONS = Path(__file__).parents[2] / "_extensions"

QUARTO_YML = """\
project:
  type: book
  output-dir: _output
book:
  title: Small
  author: Ada Lovelace
  output-file: small
  chapters: [index.qmd, {part: Journal, chapters: [report/one.qmd]}, report/two.qmd]
execute:
  freeze: auto
format:
  html: default
  journal-typst: default
"""


def copy_fixture(name: str, to: Path) -> Path:
    """Copy a fixture project into `to` and return its root."""
    root = Path(shutil.copytree(FIXTURES / name, to / name))
    shutil.copytree(EXTENSIONS, root / "_extensions")
    return root


def small_book(root: Path, **texts: str) -> Path:
    """Write a book of index, report/one (in a part) and report/two; `texts` replaces them."""
    files = {
        "index": "# Description\n",
        "one": "# One\n\n```{python}\nprint(1)\n```\n",
        "two": "# Two\n",
        **texts,
    }
    (root / "report").mkdir(parents=True)
    shutil.copytree(EXTENSIONS, root / "_extensions")
    (root / "_quarto.yml").write_text(files.pop("yml", QUARTO_YML))
    (root / "index.qmd").write_text(files["index"])
    (root / "report" / "one.qmd").write_text(files["one"])
    (root / "report" / "two.qmd").write_text(files["two"])
    (root / "report" / "data.csv").write_text("a\n")
    return root


def freeze_chapter(root: Path, file: str, reads: Mapping[str, str], markdown: str = "x") -> Path:
    """Write a frozen copy as it is after an execution that read `reads`."""
    project, folder = Project(root), freeze_folder(root, file)
    record = Record(own_reads(project, file) | reads | cited_reads(project, [markdown]))
    chapter = read_chapter(root, file)
    write_frozen(folder, chapter, {"html": markdown, "typ": markdown}, {}, record)
    return folder


def leave_reads(root: Path, file: str, *names: str, late: str | None = None) -> None:
    """Leave what the recorder of a kernel writes down: that these files were read."""
    reads = {f"file {name}": path_digest("file", root / name) for name in names}
    text_hash = read_chapter(root, file).hash
    left = {"hash": text_hash, "late": late, "experiments": [], "wrote": [], "reads": reads}
    path = reads_file(root, file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(left))


def plain_conversion(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a conversion half in place that writes the executed markdown as it is."""

    def to_pdf(book, chapters, out):
        out.write_text("".join(chapter.markdown for chapter in chapters))

    def to_html(book, chapters, outdir, fingerprints=None):
        for chapter in chapters:
            page = outdir / Path(chapter.file).with_suffix(".html")
            page.parent.mkdir(exist_ok=True)
            page.write_text(chapter.markdown)

    stub = ModuleType("cvlib.engine.convert")
    stub.to_pdf, stub.to_html = to_pdf, to_html  # type: ignore[attr-defined]
    stub.conversion_problems = lambda *_: ()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cvlib.engine.convert", stub)
    monkeypatch.setattr(cvlib.engine, "convert", stub, raising=False)
