"""Which part of a chapter made which piece of its executed markdown: both are read side by side.

An executed text is the chapter's, with a cell's outputs in the place of the cell and a value in the
place of each inline expression. So the words between these say where they stand. What is inside of a
marked value or of a cell's block is no such word.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from cvlib.engine.chapter import Caption, Cell, Chapter, Inline, TextBlock
from cvlib.freeze.marks import values_in

_CELL = re.compile(r"^::: \{[^\n]*\.cell [^\n]*execution_count=(\d+)\}$", re.MULTILINE)
_LONG = 12  # letters of a text that says where it is, even behind one that was changed


def taken_apart(chapter: Chapter) -> tuple[list[str], list[list[Cell | TextBlock | Inline]]]:
    """Return the texts that stand in the executed markdown as they are, and what is between them.

    There is one text more than gaps; only the first and the last may be empty. In a gap there are
    cells, blocks of YAML, the header, and an inline expression as its last.
    """
    texts, gaps = [""], list[list[Cell | TextBlock | Inline]]()

    def add(replaced: Cell | TextBlock | Inline) -> None:
        if gaps and not texts[-1]:
            gaps[-1].append(replaced)
        else:
            gaps.append([replaced])
            texts.append("")

    if chapter.head.text:
        add(chapter.head)
    for block in chapter.blocks:
        if isinstance(block, Cell) or block.is_yaml:
            # with values in it, it must be YAML still: an execution says whether it is
            add(block)
            continue
        position = 0
        for inline in block.inlines:
            texts[-1] += block.text[position : inline.start]
            add(inline)
            position = inline.end
        texts[-1] += block.text[position:] + "\n\n"
    return texts, gaps


@dataclass(frozen=True)
class Text:
    """A text of the chapter, and where it begins in the executed markdown.

    first, last: the first and the last place where it may; None where there is none.
    """

    text: str
    first: int | None
    last: int | None


@dataclass(frozen=True)
class Made:
    """start:end of the executed markdown, and what made it, at a line of the chapter or of its include.

    source: the expression that gave a value, in the text or in a caption, or the code of a cell.
    """

    kind: Literal["value", "caption", "cell"]
    source: str
    file: str
    line: int
    start: int
    end: int


@dataclass(frozen=True)
class Alignment:
    """A chapter beside its executed markdown: its texts in order, and what was made between them.

    lost: the first text beside an inline expression that the markdown does not have; '' for none.
    """

    texts: tuple[Text, ...]
    made: tuple[Made, ...]
    lost: str

    @property
    def values(self) -> list[Made]:
        """What the inline expressions of the text gave."""
        return [one for one in self.made if one.kind == "value"]

    def made_by(self, position: int) -> Made | None:
        """What made the value, else the cell's output, that stands at a place."""
        here = [one for one in self.made if one.start <= position < one.end]
        return min(here, key=lambda one: one.end - one.start, default=None)


def align(chapter: Chapter, markdown: str) -> Alignment:
    """Read a chapter beside its executed markdown, as either engine writes it for any format.

    Of a markdown of an earlier text as much is found as can be.
    """
    texts, gaps = taken_apart(chapter)
    cells = list(_cells(chapter, markdown))
    made = [one for one, _ in cells]
    values = {mark.start: mark.end for mark in values_in(markdown)}
    closed = [(one.start, one.end) for one in made]
    closed += [at for at in values.items() if not any(s < at[0] < e for s, e in closed)]
    closed.sort()
    first = _places(markdown, texts, closed)
    last = _places(markdown, texts, closed, from_end=True)
    lost = ""
    for place, gap in enumerate(gaps):
        before, end = first[place : place + 2]
        if isinstance(gap[-1], Inline) and not lost:
            lost = texts[place] * (before is None) or texts[place + 1] * (end is None)
        if before is None or end is None:
            continue
        start = before + len(texts[place])
        for replaced in gap:
            if isinstance(replaced, Inline):
                # what else is replaced before it ends with its line
                at = markdown.rfind("\n", start, end) + 1 if len(gap) > 1 else start
                made.append(_made("value", replaced, max(at, start), end))
            elif isinstance(replaced, TextBlock):
                made += _inside(replaced, markdown, start, end, values)
    for one, cell in cells:
        for _, captions in groupby(cell.captions, lambda caption: caption.option):
            start = one.start
            for caption in captions:
                found = list(_inside(caption, markdown, start, one.end, values))
                made += found
                start = found[-1].end if found else start
    return Alignment(
        tuple(map(Text, texts, first, last)), tuple(sorted(made, key=lambda one: one.start)), lost
    )


def lines_outside_code(markdown: str, start: int = 0) -> Iterator[tuple[int, str]]:
    """Each line from `start` on that is of no fenced code, with its position."""
    ticks = ""
    for line in markdown[start:].split("\n"):
        fence = re.match(r"`{3,}|~{3,}", line)
        if ticks:
            ticks = "" if fence and line.strip() == fence[0] >= ticks else ticks
        elif fence:
            ticks = fence[0]
        else:
            yield start, line
        start += len(line) + 1


def end_of_div(markdown: str, start: int) -> int:
    """Where the fenced div that opens at `start` ends."""
    depth = 0
    for position, line in lines_outside_code(markdown, start):
        if line.startswith(":::"):
            depth += 1 if line.strip(": ") else -1
        if depth == 0:
            return position + len(line) + 1
    return len(markdown)


def _cells(chapter: Chapter, markdown: str) -> Iterator[tuple[Made, Cell]]:
    """Yield the blocks of markdown that cells made, each with its cell."""
    end = 0
    for found in _CELL.finditer(markdown):
        number = int(found.group(1))
        if found.start() >= end and number <= len(chapter.cells):
            cell, end = chapter.cells[number - 1], end_of_div(markdown, found.start())
            yield Made("cell", cell.code, cell.file, cell.code_line, found.start(), end), cell


def _places(
    markdown: str,
    texts: Sequence[str],
    closed: Sequence[tuple[int, int]],
    *,
    from_end: bool = False,
) -> list[int | None]:
    """Where each text stands, as near as can be to the start, or to the end, of the markdown.

    closed: pieces, in order, in which no text begins.
    """
    found: list[int | None] = []
    start, end = 0, len(markdown)
    for number, text in enumerate(reversed(texts) if from_end else texts, start=1):
        at = -1
        if number == len(texts) and (markdown.startswith if from_end else markdown.endswith)(text):
            # the far end of the markdown is its place, if it is free
            at = 0 if from_end else len(markdown) - len(text)
            at = at if start <= at and at + len(text) <= end else -1
        if at < 0 and (not found or found[-1] is not None or len(text) >= _LONG):
            at = _find(markdown, text, start, end, closed, from_end)
        found.append(at if at >= 0 else None)
        if at >= 0:
            start, end = (start, at) if from_end else (at + len(text), end)
    return found[::-1] if from_end else found


def _find(
    markdown: str,
    text: str,
    start: int,
    end: int,
    closed: Sequence[tuple[int, int]],
    from_end: bool,
) -> int:
    """The first, or last, place of a text between `start` and `end`, -1 without any."""
    while True:
        at = markdown.rfind(text, start, end) if from_end else markdown.find(text, start, end)
        before = bisect_right(closed, (at, -1)) - 1
        if at < 0 or before < 0 or closed[before][1] <= at:
            return at
        start, end = (
            (start, closed[before][0] + len(text)) if from_end else (closed[before][1], end)
        )


def _inside(
    block: TextBlock | Caption, markdown: str, start: int, end: int, values: Mapping[int, int]
) -> list[Made]:
    """The values of a caption or a block of YAML in start:end of the markdown, if all are found.

    values: where marked ones begin and end.
    """
    edges = [0, *(edge for inline in block.inlines for edge in (inline.start, inline.end)), None]
    words = [block.text[slice(*edge)] for edge in zip(edges[::2], edges[1::2], strict=True)]
    for there in (words, [word.replace("'", "\\'") for word in words]):  # as in an attribute
        places = _between(there, markdown, start, end, values)
        if len(places) == len(block.inlines):
            return [
                _made("caption", inline, *place)
                for inline, place in zip(block.inlines, places, strict=True)
            ]
    return []


def _made(kind: Literal["value", "caption"], inline: Inline, start: int, end: int) -> Made:
    return Made(kind, inline.expression.strip(), inline.file, inline.line, start, end)


def _between(
    words: Sequence[str], markdown: str, start: int, end: int, values: Mapping[int, int]
) -> list[tuple[int, int]]:
    """Where the values between these words stand, as far as they do."""
    if words[0]:
        start = markdown.find(words[0], start, end) + len(words[0])
    else:  # it opens its paragraph, caption or attribute
        opens = (at for at in values if start <= at < end and markdown[at - 1 : at] in "\n['")
        start = next(opens, end)
    found: list[tuple[int, int]] = []
    for after in words[1:]:
        stop = values.get(start, -1)
        if stop < 0 or not markdown.startswith(after, stop):
            stop = markdown.find(after or "\n", start, end)
        if start < len(words[0]) or stop < 0:
            break
        found.append((start, stop))
        start = stop + len(after)
    return found
