"""Values in captions that Quarto froze as they are written, with the answers below the cells.

`cvlib.journal.captions` says why. With Quarto a filter puts the answers in their places, each time
a page is made; here it is done as a frozen chapter is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cvlib.engine.caption_values import Values, as_markdown, as_text, in_attribute
from cvlib.engine.errors import RenderError
from cvlib.journal.captions import ANSWER, INLINE, as_one_line

_CELL = re.compile(r"^::: \{(?:#\S+ )?\.cell[ }]")
_ATTRIBUTE = re.compile(r"\b(?P<name>fig-alt|tbl-cap)='(?P<text>(?:\\.|[^'\\])*)'")


def with_captions_filled(markdown: str) -> str:
    """The frozen markdown with the values of its captions in place; the answers are gone."""
    if f"\n{ANSWER}" not in markdown:
        return markdown
    lines = markdown.split("\n")
    out: list[str] = []
    position = 0
    while position < len(lines):
        end = _end(lines, position) if _CELL.match(lines[position]) else position + 1
        cell = lines[position:end]
        answers = [line for line in cell if line.startswith(ANSWER)]
        out += _filled(cell, _values(answers)) if answers else cell
        position = end
    return "\n".join(out)


def _end(lines: list[str], start: int) -> int:
    """The line after the one that closes the div opened at `start`."""
    depth = 0
    for number, inside_code in _with_code(lines[start:]):
        line = lines[start + number]
        if not inside_code and line.startswith(":::"):
            depth += 1 if line.strip(": ") else -1
        if depth == 0:
            return start + number + 1
    return len(lines)


def _with_code(lines: list[str]) -> Iterator[tuple[int, bool]]:
    """Each line's number, and whether it is of a code block."""
    ticks = ""
    for number, line in enumerate(lines):
        opened = re.match(r"`{3,}", line)
        if not ticks and opened:
            ticks = opened.group(0)
            yield number, True
        elif ticks:
            yield number, True
            if re.fullmatch(rf"{ticks}`*\s*", line):
                ticks = ""
        else:
            yield number, False


def _values(answers: list[str]) -> Values:
    values: dict[str, Mapping[str, Any]] = {}
    for line in answers:
        for expression, data in json.loads(line[len(ANSWER) :]).items():
            if "error" in data:
                raise RenderError(f"the value `{expression}` in a caption failed: {data['error']}")
            values[expression] = data
    return values


def _filled(cell: list[str], values: Values) -> list[str]:
    kept = _without_answers(cell)
    return [
        line if inside_code else _line(line, values)
        for (_, inside_code), line in zip(_with_code(kept), kept, strict=True)
    ]


def _without_answers(cell: list[str]) -> list[str]:
    """The cell's lines; what was printed besides the answers stays."""
    text = "\n".join(line for line in cell if not line.startswith(ANSWER))
    nothing = r"\n::: \{\.cell-output \.cell-output-stdout\}\n(`{3,})\n\1\n:::\n"
    return re.sub(nothing, "", text).split("\n")


def _line(line: str, values: Values) -> str:
    def attribute(found: re.Match[str]) -> str:
        written = as_text if found["name"] == "fig-alt" else in_attribute
        text = _replaced(found["text"].replace("\\'", "'"), values, written)
        return f"{found['name']}='" + text.replace("'", "\\'") + "'"

    # what stands in an attribute has no expression left when the rest is looked at
    return _replaced(_ATTRIBUTE.sub(attribute, line), values, as_markdown)


def _replaced(text: str, values: Values, written: Callable[[Mapping[str, Any]], str]) -> str:
    def value(found: re.Match[str]) -> str:
        data = values.get(as_one_line(found.group(2)))
        return found.group(0) if data is None else found.group(1) + written(data)

    return INLINE.sub(value, text)
