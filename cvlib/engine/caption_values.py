"""Inline values in the captions of a cell: evaluated once it ran, and put in their places."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cvlib.engine import mime
from cvlib.engine.ast import text_of
from cvlib.engine.chapter import Cell
from cvlib.engine.errors import CellFailed
from cvlib.engine.inline import escaped
from cvlib.engine.inlines import parse_inlines
from cvlib.journal.captions import INLINE, OPTIONS, as_one_line, expressions_in, without_quotes

if TYPE_CHECKING:
    from cvlib.engine.kernel import Kernel

Values = Mapping[str, Mapping[str, Any]]  # expression -> its value by MIME type


def evaluate_captions(kernel: Kernel, cell: Cell) -> Values:
    """Evaluate what the cell's captions ask for; raises CellFailed with the line of the option."""
    asked = expressions_in(cell.options)
    if not asked:
        return {}
    results = dict(zip(asked, kernel.evaluate(asked), strict=True))
    for expression, result in results.items():
        if result["status"] != "ok":
            raise CellFailed(
                f"the value `{{python}} {expression}` in a caption failed: "
                f"{result['ename']}: {result['evalue']}",
                file=cell.file,
                line=_line(cell, expression),
            )
    return {expression: result["data"] for expression, result in results.items()}


def fill_captions(cell: Cell, values: Values) -> Cell:
    """The cell with its captions as they read: Markdown, of `fig-alt` plain text."""
    if not values:
        return cell
    options = dict(cell.options)
    for name in OPTIONS:
        if name in options:
            options[name] = _filled(options[name], values, _WRITTEN.get(name, as_markdown))
    return replace(cell, options=options)


def as_markdown(data: Mapping[str, Any]) -> str:
    """A value as Markdown on one line."""
    if mime.MARKDOWN in data:
        return mime.text_of(data[mime.MARKDOWN]).replace("\n", " ")
    return escaped(mime.text_of(data[mime.PLAIN]))


def in_attribute(data: Mapping[str, Any]) -> str:
    """The same inside a quoted attribute, which takes one level of backslashes away."""
    return as_markdown(data).replace("\\", "\\\\")


def as_text(data: Mapping[str, Any]) -> str:
    """A value without any markup."""
    if mime.MARKDOWN in data:
        return text_of(parse_inlines(mime.text_of(data[mime.MARKDOWN])))
    return without_quotes(mime.text_of(data[mime.PLAIN]))


_WRITTEN: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "tbl-cap": in_attribute,
    "fig-alt": as_text,
}


def _filled(value: Any, values: Values, written: Callable[[Mapping[str, Any]], str]) -> Any:
    if isinstance(value, list):
        return [_filled(item, values, written) for item in value]
    if not isinstance(value, str):
        return value

    def replaced(found: re.Match[str]) -> str:
        return found.group(1) + written(values[as_one_line(found.group(2))])

    return INLINE.sub(replaced, value)


def _line(cell: Cell, expression: str) -> int:
    for name in OPTIONS:
        if expression in expressions_in({name: cell.options.get(name)}):
            return cell.option_lines.get(name, cell.line)
    return cell.line
