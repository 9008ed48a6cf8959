"""A chapter whose prose changed goes on with its outputs, without running its cells again.

What a chapter shows is its text, with the outputs of cells and the values of inline expressions in
their places. Where header, cells and inline expressions are the same, and in the same order, executing
it again would put the same outputs between other words: that is done here, byte for byte.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cvlib.engine.chapter import Cell, Chapter, Inline, TextBlock
from cvlib.files import replace_text
from cvlib.freeze.align import align, taken_apart
from cvlib.freeze.frozen_copy import FrozenCopy, Record, write_record


def same_cells(before: Chapter, after: Chapter) -> bool:
    """Tell whether an execution of both chapters gives the same outputs, in the same places."""
    # what a cell writes counts the texts and cells before it
    kinds = [[type(block) for block in chapter.blocks] for chapter in (before, after)]
    return (
        before.head.text == after.head.text
        and before.header == after.header
        and kinds[0] == kinds[1]
        and _contents(before) == _contents(after)
    )


def _contents(chapter: Chapter) -> list[list[Any]]:
    """All that the outcome of what is executed depends on, as it is cut by the text."""

    def content(replaced: Cell | TextBlock | Inline) -> Any:
        if isinstance(replaced, Cell):
            return replaced.code, dict(replaced.options), replaced.has_option_lines
        return replaced.expression if isinstance(replaced, Inline) else replaced.text

    return [[content(replaced) for replaced in gap] for gap in taken_apart(chapter)[1]]


def carried_over(before: Chapter, after: Chapter, markdown: str) -> str | None:
    """Return what executing `after` would give, from `markdown`, which executing `before` gave.

    None when a cell, an inline expression or the header differs, when `markdown` is not of `before`,
    and when it cannot be told which part of it the text was that changed.
    """
    if not same_cells(before, after):
        return None
    parts: list[str] = []
    end: int | None = 0
    old = align(before, markdown).texts
    for text, new in zip(old, taken_apart(after)[0], strict=True):
        if text.first is None or text.last is None:
            return None
        # A text's place in any reading lies between its first and its last one. One that could stand
        # in several (" and " between two values, of which one holds " and ") stays as it is.
        if text.first == text.last:
            parts += [markdown[end : text.first], new]
            end = text.first + len(text.text)
        elif text.text != new:
            return None
    is_whole = old[0].first == 0 and end == len(markdown)
    return "".join(parts) if is_whole else None


def refreeze(
    folder: Path,
    before: Chapter,
    after: Chapter,
    record_of: Callable[[Record, list[str]], Record] = lambda record, _: record,
) -> bool:
    """Turn the frozen copy of `before` in `folder` into that of `after`, as executing it would.

    record_of: the record of `after`, from that of `before` and the new markdowns, for they cite.
    Returns False, nothing written, when the copy is not of that text, or the cells are others:
    execute it then.
    """
    record = FrozenCopy(folder).record
    contents = {}
    for path in sorted((folder / "execute-results").glob("*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        if "result" not in content:
            continue  # the record
        if content["hash"] != before.hash:
            return False
        markdown = carried_over(before, after, content["result"]["markdown"])
        if markdown is None:
            return False
        content["hash"], content["result"]["markdown"] = after.hash, markdown
        contents[path] = content
    for path, content in contents.items():
        replace_text(path, json.dumps(content, indent=2, ensure_ascii=False))
    if record is not None and contents:
        write_record(folder, record_of(record, FrozenCopy(folder).markdowns))
    return bool(contents)
