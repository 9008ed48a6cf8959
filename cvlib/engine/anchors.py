"""Where links inside the report lead: to a heading, a figure, another chapter."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from pathlib import PurePosixPath

from cvlib.engine.chapter_tree import ChapterTree
from cvlib.engine.errors import RenderError
from cvlib.engine.source_lines import line_of, nearest
from cvlib.engine.tree import Element, elements_in


class Anchors:
    """The identifiers of all chapters. In the PDF, which is one document, each is there once."""

    def __init__(self, chapters: Sequence[ChapterTree]) -> None:
        self.chapters = {chapter.executed.file: chapter for chapter in chapters}
        self._names: dict[tuple[str, str], str] = {}
        taken: set[str] = set()
        for chapter in chapters:
            file = chapter.executed.file
            for identifier in _identifiers(chapter):
                name = identifier
                if name in taken:
                    name = f"{PurePosixPath(file).stem}-{identifier}"
                self._names.setdefault((file, identifier), name)
                taken.add(name)

    def in_pdf(self, chapter: ChapterTree, identifier: str) -> str:
        """Return an identifier as the PDF has it: "results" of the second chapter is renamed."""
        return self._names.get((chapter.executed.file, identifier), identifier)

    def place_in_pdf(self, chapter: ChapterTree, target: str) -> str:
        """Return a link's target as the PDF has it; a chapter's file is its heading."""
        file, anchor = _split(chapter, target)
        if file is None:
            return target
        other = self.chapters[file]
        return "#" + self.in_pdf(other, anchor or other.identifier)

    def refuse_broken_links(self) -> None:
        """Raise for the first link to a chapter or an anchor that is not there."""
        for chapter in self.chapters.values():
            for element in elements_in(chapter.blocks):
                if element["t"] == "Link" and "xref" not in element["c"][0][1]:
                    self._check(chapter, element)

    def _check(self, chapter: ChapterTree, element: Element) -> None:
        target = element["c"][2][0]
        file, anchor = _split(chapter, target)
        if file is None:
            return
        if file not in self.chapters:
            _stop(chapter, target, nearest(file, self.chapters))
        if anchor and (file, anchor) not in self._names:
            known = [name for home, name in self._names if home == file]
            _stop(chapter, target, nearest(anchor, known))


def _identifiers(chapter: ChapterTree) -> list[str]:
    found: list[str] = []
    for element in elements_in(chapter.blocks):
        tag = element["t"]
        if tag == "Header":
            found.append(element["c"][1][0])
        elif tag in ("Div", "Span", "CodeBlock", "Code", "Link", "Image"):
            found.append(element["c"][0][0])
        elif tag in ("Float", "Equation"):
            found.append(element["id"])
    return [identifier for identifier in found if identifier]


def _split(chapter: ChapterTree, target: str) -> tuple[str | None, str]:
    """Return the chapter's file and the anchor that `target` names; None for any other link."""
    path, _, anchor = target.partition("#")
    if not path and anchor:
        return chapter.executed.file, anchor
    if path.endswith(".qmd") and "://" not in path:
        folder = posixpath.dirname(chapter.executed.file)
        return posixpath.normpath(posixpath.join(folder, path)), anchor
    return None, ""


def _stop(chapter: ChapterTree, target: str, hint: str) -> None:
    source = chapter.executed.source
    raise RenderError(
        f"the link to {target!r} leads nowhere{hint}",
        file=chapter.executed.file,
        line=line_of(source, f"({target})", target),
    )
