"""Which expression of a chapter made which piece of its frozen copy: both are read side by side.

A frozen text is the chapter's with each inline expression replaced by its value, so the words around
an expression say where its value stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from cvlib.engine.chapter import INLINE, Cell, Chapter, Markdown
from cvlib.freeze.marks import value_marks
from cvlib.journal.captions import OPTIONS

_CELL = re.compile(r"^::: \{[^\n]*\.cell [^\n]*execution_count=(\d+)\}$", re.MULTILINE)


@dataclass(frozen=True)
class Placed:
    """An expression of the chapter, with its place there and that of its value in the copy."""

    expression: str
    file: str
    line: int
    start: int
    end: int


@dataclass(frozen=True)
class _Template:
    """Words with expressions between them: one more of the former. line: of each expression."""

    words: tuple[str, ...]
    expressions: tuple[str, ...]
    lines: tuple[int, ...]
    file: str


def placed_expressions(chapter: Chapter, markdown: str) -> list[Placed]:
    """Every inline expression whose value is found in the frozen markdown, in order."""
    ends = {mark.start: mark.end for mark in value_marks(markdown)}
    found: list[Placed] = []
    position = 0
    for template in _templates(chapter):
        placed = list(_placed(template, markdown, position, ends))
        found += placed
        position = placed[-1].end if placed else position
    return found


def cell_at(chapter: Chapter, markdown: str, position: int) -> Cell | None:
    """The cell whose output stands at `position` of the frozen markdown, if one's does."""
    above = list(_CELL.finditer(markdown, 0, position))
    if not above or position > end_of_div(markdown, above[-1].start()):
        return None
    cells = [block for block in chapter.blocks if isinstance(block, Cell)]
    number = int(above[-1].group(1))
    return cells[number - 1] if number <= len(cells) else None


def end_of_div(markdown: str, start: int) -> int:
    """Where the fenced div that opens at `start` ends."""
    depth, position, ticks = 0, start, ""
    for line in markdown[start:].split("\n"):
        position += len(line) + 1
        fence = re.match(r"`{3,}", line)
        if ticks:
            ticks = "" if line.strip() == ticks else ticks
        elif fence:
            ticks = fence.group(0)
        elif line.startswith(":::"):
            depth += 1 if line.strip(": ") else -1
            if depth == 0:
                return position
    return len(markdown)


def _templates(chapter: Chapter) -> Iterator[_Template]:
    for block in (chapter.head, *chapter.blocks):
        if isinstance(block, Markdown):
            yield from _template(block.text, block.file, block.line)
            continue
        for option in OPTIONS:
            value = block.options.get(option)
            for text in value if isinstance(value, list) else [value]:
                if isinstance(text, str):
                    line = block.option_lines.get(option, block.line)
                    yield from _template(text, block.file, line, in_option=True)


def _template(text: str, file: str, line: int, in_option: bool = False) -> Iterator[_Template]:
    words, expressions, lines, position = [], [], [], 0
    for found in INLINE.finditer(text):
        words.append(text[position : found.start()] + found.group(1))
        expressions.append(found.group(2).strip())
        lines.append(line if in_option else line + text.count("\n", 0, found.start(2)))
        position = found.end()
    if expressions:
        yield _Template((*words, text[position:]), tuple(expressions), tuple(lines), file)


def _placed(
    template: _Template, markdown: str, position: int, ends: dict[int, int]
) -> Iterator[Placed]:
    start = _start(template.words[0], template.words[1], markdown, position, ends)
    if start is None:
        return
    for number, expression in enumerate(template.expressions):
        after = template.words[number + 1]
        end = ends.get(start, -1)
        if end < 0 or not _follows(markdown, end, after):
            end = markdown.find(after, start) if after else markdown.find("\n", start)
        if end < 0:
            return
        yield Placed(expression, template.file, template.lines[number], start, end)
        start = end + len(after)


def _start(
    before: str, after: str, markdown: str, position: int, ends: dict[int, int]
) -> int | None:
    """Where the first value of a template stands, at `position` or later."""
    if not before:  # it opens its paragraph
        opening = (
            mark
            for mark, end in ends.items()
            if mark >= position
            and markdown[max(0, mark - 1) : mark] in ("", "\n")
            and _follows(markdown, end, after)
        )
        return next(opening, None)
    for words in (before, before.replace("'", "\\'")):
        if (start := markdown.find(words, position)) >= 0:
            return start + len(words)
    return None


def _follows(markdown: str, end: int, words: str) -> bool:
    return markdown.startswith((words, words.replace("'", "\\'")), end)
