"""Inline code: `{python} expr` in a text becomes the value's Markdown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cvlib.engine import mime
from cvlib.engine.chapter import INLINE, Markdown
from cvlib.engine.errors import CellFailed, Unsupported
from cvlib.engine.project import Target

if TYPE_CHECKING:
    from cvlib.engine.kernel import Kernel

_SPECIAL = re.compile(r"([\\`*_{}\[\]()>#+\-.!,])")


def expressions_in(text: str) -> list[str]:
    """Return the expressions of `text`, in order."""
    return [found.group(2) for found in INLINE.finditer(text)]


def evaluate_inline(kernel: Kernel, block: Markdown, hint: str = "") -> list[dict[str, Any]]:
    """Evaluate the block's expressions; raises CellFailed with the line of one that fails."""
    expressions = expressions_in(block.text)
    if not expressions:
        return []
    results = kernel.evaluate(expressions)
    for position, result in enumerate(results):
        if result["status"] != "ok":
            raise CellFailed(
                f"inline `{{python}} {expressions[position].strip()}` failed: "
                f"{result['ename']}: {result['evalue']}{hint}",
                file=block.file,
                line=_line(block, position),
                exception=result["ename"],
            )
    return results


def fill_inline(block: Markdown, results: list[dict[str, Any]], target: Target) -> str:
    """Return the block's text with each expression replaced by its value for `target`."""
    position = -1

    def replace(found: re.Match[str]) -> str:
        nonlocal position
        position += 1
        text = _markdown(results[position]["data"], target)
        if text is None or not text:
            raise Unsupported(
                f"inline `{{python}} {found.group(2).strip()}` gives "
                + ("an empty text" if text == "" else "nothing that can stand in a line of text"),
                file=block.file,
                line=_line(block, position),
            )
        return found.group(1) + text

    return INLINE.sub(replace, block.text)


def _markdown(data: dict[str, Any], target: Target) -> str | None:
    data = dict(mime.with_math(data))
    kind = mime.choose(data, target, "svg")
    if kind is None or kind in mime.IMAGES or mime.is_script(kind):
        return None
    text = mime.text_of(data[kind])
    if kind == mime.HTML:
        return f"`{text}`{{=html}}"
    return text if kind == mime.MARKDOWN else escaped(text)


def escaped(representation: str) -> str:
    """Take the quotes off a str's repr and escape it; a number stays as it is."""
    for quote in ("'", '"'):
        if len(representation) > 1 and representation[0] == quote and (representation[-1] == quote):
            inner = representation[1:-1].replace("\\", "\\\\")
            return _SPECIAL.sub(r"\\\1", inner)
    return representation


def _line(block: Markdown, position: int) -> int:
    found = list(INLINE.finditer(block.text))[position]
    return block.line + block.text.count("\n", 0, found.start(2))
