"""Each inline `{python} …` of a chapter beside what its frozen copy has in its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from cvlib.check.prose import Prose
from cvlib.engine.chapter import INLINE

_CELL = re.compile(r"^(?P<ticks>`{3,})[ \t]*\{python\b[^\n]*\n(?:.*?\n)??(?P=ticks)`*[ \t]*$",
                   re.MULTILINE | re.DOTALL)  # fmt: skip
_HEADER = re.compile(r"\A---[ \t]*\n.*?\n---[ \t]*$", re.MULTILINE | re.DOTALL)
# `[85.9 ± 0.9%]{.value runs="3fa2b1c9d0 …"}`; the text may hold brackets, escaped or in pairs
SPAN = re.compile(
    r"\[(?P<text>(?:\\.|[^\\\[\]]|\[(?:\\.|[^\\\[\]])*\])*)\]"
    r"\{(?P<attributes>\.(?:value|traced)\b[^{}]*)\}",
    re.DOTALL,
)


class OtherText(ValueError):
    """The frozen copy is of another text than the source."""


@dataclass(frozen=True)
class InlineValue:
    """An expression, the markdown that it gave, and its place in the source."""

    expression: str
    markdown: str
    file: str
    line: int


def inline_values(prose: Prose, markdown: str) -> list[InlineValue]:
    """Align a chapter's source with its executed markdown; raises OtherText where they part.

    Both are the same but for cells and inline code, so that the text around an expression finds
    its value.
    """
    values: list[InlineValue] = []
    position = 0
    for start, end in _between_cells(prose.source):
        chunk = prose.source[start:end]
        found = list(INLINE.finditer(chunk))
        if not found:
            continue
        for expression, text, offset, after in _aligned(chunk, found, markdown, position):
            position = after
            file, line = prose.place(start + offset)
            values.append(InlineValue(expression, text, file, line))
    return values


def _between_cells(source: str) -> Iterator[tuple[int, int]]:
    header = _HEADER.match(source)
    position = header.end() if header else 0
    for cell in _CELL.finditer(source, position):
        yield position, cell.start()
        position = cell.end()
    yield position, len(source)


def _aligned(
    chunk: str, found: list[re.Match[str]], markdown: str, position: int
) -> Iterator[tuple[str, str, int, int]]:
    """Yield expression, value, its offset in the chunk, and where to go on in the markdown."""
    before = chunk[: found[0].end(1)].lstrip()
    start = markdown.find(before, position)
    if start < 0:
        raise OtherText(_first_words(before))
    position = start + len(before)
    for index, match in enumerate(found):
        is_last = index + 1 == len(found)
        after = chunk[match.end() : len(chunk) if is_last else found[index + 1].end(1)]
        after = after.rstrip() if is_last else after
        end = _end_of_value(markdown, position, after)
        yield match[2].strip(), markdown[position:end], match.start(2), end + len(after)
        position = end + len(after)


def _end_of_value(markdown: str, position: int, after: str) -> int:
    """Return where the text `after` a value begins; what is inside a span is no such place."""
    if not after:
        line = markdown.find("\n", position)
        return len(markdown) if line < 0 else line
    while position < len(markdown):
        span = SPAN.match(markdown, position)
        if span:
            position = span.end()
        elif markdown.startswith(after, position):
            return position
        else:
            position += 2 if markdown[position] == "\\" else 1
    raise OtherText(_first_words(after))


def _first_words(text: str) -> str:
    return " ".join(text.split()[:6])
