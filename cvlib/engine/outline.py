"""The outline: parts, chapters moved one level down inside them, numbers of headings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cvlib.engine.chapter_tree import ChapterTree
from cvlib.engine.tree import elements_in, text_of


@dataclass(frozen=True)
class Heading:
    """A heading of a chapter, at its level in the whole report; `number` is "" if it has none."""

    level: int
    number: str
    identifier: str
    title: str


def number_headings(chapters: Sequence[ChapterTree]) -> dict[str, list[Heading]]:
    """Return each chapter's headings: "2.1.3" inside parts, "A.1" in appendices.

    A Header element is given its number, for the web page to print; Typst counts by itself.
    """
    counter = [0] * 7
    part: str | None = None
    appendix = False
    found: dict[str, list[Heading]] = {}
    for chapter in chapters:
        executed = chapter.executed
        if executed.entry.kind == "appendix" and not appendix:
            appendix, counter = True, [0] * 7
        if begins_part(chapter, part):
            _step(counter, 1)
        part = executed.entry.part
        shift = shift_of(chapter)
        headings = []
        for element in elements_in(chapter.blocks):
            if element["t"] != "Header":
                continue
            level, attributes, inlines = element["c"]
            number = ""
            if "unnumbered" not in attributes[1]:
                _step(counter, level + shift)
                number = _written(counter, level + shift, appendix)
            element["number"] = number
            headings.append(Heading(level + shift, number, attributes[0], text_of(inlines)))
        found[executed.file] = headings
    return found


def begins_part(chapter: ChapterTree, part: str | None) -> bool:
    """Tell whether a chapter is the first of a part, `part` being that of the one before it."""
    executed = chapter.executed
    return (
        executed.entry.kind == "chapter"
        and executed.entry.part is not None
        and executed.entry.part != part
    )


def shift_of(chapter: ChapterTree) -> int:
    """Return by how many levels a chapter's headings move down."""
    return 1 if chapter.executed.entry.kind == "chapter" and chapter.executed.entry.depth > 0 else 0


def part_number(chapter: ChapterTree) -> str:
    """Return the number of the part that a chapter stands in."""
    return chapter.headings[0].number.split(".")[0] if chapter.headings else ""


def _step(counter: list[int], level: int) -> None:
    counter[level - 1] += 1
    counter[level:] = [0] * (len(counter) - level)


def _written(counter: list[int], level: int, appendix: bool) -> str:
    numbers = [str(n) for n in counter[:level]]
    if appendix:
        numbers[0] = chr(ord("A") + counter[0] - 1)
    return ".".join(numbers)
