"""The executed markdown of a chapter whose prose changed, without running its cells again.

What a chapter shows is its text, with the outputs of cells and the values of inline expressions in
their places. Where header, cells and inline expressions are the same, and in the same order, executing
it again would put the same outputs between other words: that is done here, byte for byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from cvlib.engine.chapter import INLINE, Cell, Chapter

# The header, an output, or several that follow one another: (cell's code and options, or inline
# expression, …)
_Gap = tuple[Any, ...]


def same_cells(before: Chapter, after: Chapter) -> bool:
    """Tell whether an execution of both chapters gives the same outputs, in the same places."""
    # what a cell writes counts the texts and cells before it
    kinds = [[type(block) for block in chapter.blocks] for chapter in (before, after)]
    return (
        before.header_text == after.header_text
        and before.header == after.header
        and kinds[0] == kinds[1]
        and _taken_apart(before)[1] == _taken_apart(after)[1]
    )


def carried_over(before: Chapter, after: Chapter, markdown: str) -> str | None:
    """Return what executing `after` would give, from `markdown`, which executing `before` gave.

    None when a cell, an inline expression or the header differs, when `markdown` is not of `before`,
    and when it cannot be told which part of it the text was that changed.
    """
    if not same_cells(before, after):
        return None
    old, new = _taken_apart(before)[0], _taken_apart(after)[0]
    first, last = (_places(markdown, old, from_end=from_end) for from_end in (False, True))
    if first is None or last is None:
        return None
    # A text's place in any reading lies between its first and its last one. One that could stand in
    # several (" and " between two values, of which one holds " and ") stays with them, as it is.
    sure = [i for i, (at, other) in enumerate(zip(first, last, strict=True)) if at == other]
    if any(old[i] != new[i] for i in set(range(len(old))).difference(sure)):
        return None
    parts = [new[0]]
    for i, j in pairwise(sure):
        parts += [markdown[first[i] + len(old[i]) : first[j]], new[j]]
    return "".join(parts)


def _taken_apart(chapter: Chapter) -> tuple[list[str], list[_Gap]]:
    """Return the texts that stand in the executed markdown as they are, and the gaps between them.

    There is one text more than gaps; only the first and the last may be empty.
    """
    texts, gaps = [""], list[_Gap]()

    def add_text(text: str) -> None:
        texts[-1] += text

    def add_gap(content: object) -> None:
        if gaps and not texts[-1]:
            gaps[-1] = (*gaps[-1], content)
        else:
            gaps.append((content,))
            texts.append("")

    if chapter.header_text:
        add_gap(chapter.header_text)
    for block in chapter.blocks:
        if isinstance(block, Cell):
            add_gap((block.code, dict(block.options), block.has_option_lines))
            continue
        if (
            block.is_yaml
        ):  # with values in it, it must be YAML still: an execution says whether it is
            add_gap(block.text)
            continue
        position = 0
        for found in INLINE.finditer(block.text):
            add_text(block.text[position : found.end(1)])
            add_gap(found.group(2))
            position = found.end()
        add_text(block.text[position:] + "\n\n")
    return texts, gaps


def _places(markdown: str, texts: Sequence[str], *, from_end: bool) -> list[int] | None:
    """Where each text stands, as near as can be to the start, or to the end, of the markdown."""
    if not markdown.startswith(texts[0]) or not markdown.endswith(texts[-1]):
        return None
    if len(texts) == 1:
        return [0] if markdown == texts[0] else None
    start, end = len(texts[0]), len(markdown) - len(texts[-1])
    places: list[int] = []
    for text in reversed(texts[1:-1]) if from_end else texts[1:-1]:
        at = markdown.rfind(text, start, end) if from_end else markdown.find(text, start, end)
        if at < 0:
            return None
        places.append(at)
        start, end = (start, at) if from_end else (at + len(text), end)
    inner = places[::-1] if from_end else places
    return [0, *inner, len(markdown) - len(texts[-1])] if start <= end else None
