"""Books for the tests of conversion: one with every feature, and small ones written in a test."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from cvlib.engine.book import Book, load_book
from cvlib.engine.chapter import ExecutedChapter

REPOSITORY = Path(__file__).parents[2]
EVERY_FEATURE = Path(__file__).parent / "convert_book"

QUARTO_YML = """\
project: {type: book, output-dir: _output}
book:
  title: Small
  author: Ada Lovelace
  output-file: small
  chapters: [CHAPTERS]
crossref: {chapters: false}
EXTRA
format:
  html: default
  journal-typst: default
"""


def every_feature(to: Path) -> Book:
    """Copy the book with every feature, frozen by Quarto 1.10, beside the real extension."""
    root = Path(shutil.copytree(EVERY_FEATURE, to / "book"))
    shutil.copytree(REPOSITORY / "_extensions", root / "_extensions")
    return load_book(root)


def small_book(to: Path, texts: Mapping[str, str], extra: str = "") -> Book:
    """Write a book of chapters that need no execution; `index.qmd` is added if it is not there."""
    texts = {"index.qmd": "# Home\n", **texts}
    root = to / "book"
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    settings = QUARTO_YML.replace("CHAPTERS", ", ".join(texts)).replace("EXTRA", extra)
    (root / "_quarto.yml").write_text(settings, encoding="utf-8")
    shutil.copytree(REPOSITORY / "_extensions", root / "_extensions")
    return load_book(root)


def executed(project: Book, target: str) -> list[ExecutedChapter]:
    """Return the chapters as the freeze has them, or as they are written."""
    chapters = []
    for entry in project.chapters:
        source = (project.root / entry.file).read_text(encoding="utf-8")
        folder = project.root / "_freeze" / entry.file.removesuffix(".qmd")
        record = folder / "execute-results" / f"{target}.json"
        markdown = source
        if record.is_file():
            markdown = json.loads(record.read_text(encoding="utf-8"))["result"]["markdown"]
        supporting = folder if record.is_file() else None
        chapters.append(ExecutedChapter(entry, markdown, supporting, source))
    return chapters
