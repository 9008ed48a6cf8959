"""YAML titles with inline values: in the header, or in a block of its own after a cell.

Quarto evaluates the header before any cell, and puts values into YAML as text: a value whose
Markdown has quotes or backslashes stands in a block (`title: >-`) or between single quotes.
"""

from __future__ import annotations

from typing import Any

from cvlib.engine.chapter import INLINE, Markdown
from cvlib.engine.errors import BookError
from cvlib.engine.header import YAML_RULE
from cvlib.engine.inline import evaluate_inline, fill_inline
from cvlib.engine.kernel import Kernel
from cvlib.engine.project import Target
from cvlib.engine.yaml_lines import parse_yaml


def evaluate_header(kernel: Kernel, header: Markdown) -> list[dict[str, Any]]:
    """Evaluate the expressions of a chapter's header; no cell has run yet."""
    hint = (
        " (the header is read before any cell runs; a title that needs one stands in a YAML block "
        "of its own, --- title: … ---, after that cell)"
    )
    return evaluate_inline(kernel, header, hint)


def fill_yaml(block: Markdown, results: list[dict[str, Any]], target: Target) -> str:
    """The block with its values; raises ProjectError when that is no YAML any more."""
    filled = fill_inline(block, results, target)
    if results:
        inside = [line for line in filled.split("\n") if not YAML_RULE.match(line)]
        try:
            parse_yaml("\n".join(inside), block.file, block.line + 1)
        except BookError as error:
            first = INLINE.search(block.text)
            line = block.text.count("\n", 0, first.start(2)) if first else 0
            raise BookError(
                "with its inline values in place this is no YAML any more: write the text on a "
                "line of its own below `title: >-`, or between single quotes "
                f"({str(error).partition('not valid YAML: ')[2] or error})",
                file=block.file,
                line=block.line + line,
            ) from None
    return filled
