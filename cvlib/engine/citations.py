"""Citations: the bibliography's files, and keys that are not in them as errors with a line."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cvlib.engine.book import Book
from cvlib.engine.chapter_tree import ChapterTree
from cvlib.engine.errors import RenderError
from cvlib.engine.source_lines import line_of, line_of_label, nearest
from cvlib.engine.tree import elements_in

MISSING = re.compile(r"citation (\S+) not found", re.IGNORECASE)
BIBTEX_KEY = re.compile(r"^\s*@\w+\s*[{(]\s*([^,\s]+)\s*,", re.MULTILINE)


def has_citations(chapter: ChapterTree) -> bool:
    """Tell whether a chapter cites (references to figures and so on being resolved already)."""
    return any(element["t"] == "Cite" for element in elements_in(chapter.blocks))


def citeproc_arguments(chapters: Sequence[ChapterTree], project: Book) -> list[str]:
    """Return pandoc's arguments for citations, none if there are none."""
    citing = next((chapter for chapter in chapters if has_citations(chapter)), None)
    if citing is None:
        return []
    if not project.bibliography:
        key = _cited_keys(citing)[0]
        raise RenderError(
            f"@{key} is cited, and _quarto.yml names no bibliography: add bibliography: "
            "references.bib",
            file=citing.executed.file,
            line=line_of_label(citing.executed.source, key),
        )
    arguments = ["--citeproc", "--metadata", "link-citations=true"]
    for path in project.bibliography:
        arguments += ["--bibliography", str(path)]
    if project.csl is not None:
        arguments += ["--csl", str(project.csl)]
    return arguments


def refuse_missing(warnings: str, chapters: Sequence[ChapterTree], project: Book) -> None:
    """Raise for the first key that pandoc did not find in the bibliography."""
    for key in MISSING.findall(warnings):
        for chapter in chapters:
            if key in _cited_keys(chapter):
                source = chapter.executed.source
                raise RenderError(
                    f"the citation @{key} is not in the bibliography"
                    f"{nearest(key, _known_keys(project))}",
                    file=chapter.executed.file,
                    line=line_of_label(source, key) or line_of(source, key),
                )


def _cited_keys(chapter: ChapterTree) -> list[str]:
    return [
        citation["citationId"]
        for element in elements_in(chapter.blocks)
        if element["t"] == "Cite"
        for citation in element["c"][0]
    ]


def _known_keys(project: Book) -> list[str]:
    return [
        key
        for path in project.bibliography
        if path.suffix in (".bib", ".bibtex")
        for key in BIBTEX_KEY.findall(path.read_text(encoding="utf-8"))
    ]
