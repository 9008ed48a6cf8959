"""Numbered equations: a display formula followed by `{#eq-name}` becomes an `Equation`."""

from __future__ import annotations

import re

from cvlib.engine.chapter import ExecutedChapter
from cvlib.engine.errors import RenderError
from cvlib.engine.source_lines import line_of
from cvlib.engine.tree import Element, transform

LABEL = re.compile(r"\{#(eq-[\w-]+)\}")


def mark_equations(blocks: list[Element], chapter: ExecutedChapter) -> list[Element]:
    """Replace formula and label by `{"t": "Equation", "id", "tex"}` inside their paragraph."""

    def visit(element: Element) -> list[Element] | None:
        if element["t"] not in ("Para", "Plain"):
            return None
        inlines: list[Element] = []
        found = False
        for inline in element["c"]:
            label = LABEL.match(inline["c"]) if inline["t"] == "Str" else None
            if label is None:
                inlines.append(inline)
                continue
            while inlines and inlines[-1]["t"] in ("Space", "SoftBreak"):
                inlines.pop()
            if not inlines or not _is_display(inlines[-1]):
                raise RenderError(
                    f"the label {label.group(0)} does not follow a display formula ($$…$$)",
                    file=chapter.file,
                    line=line_of(chapter.source, label.group(0)),
                )
            tex = inlines.pop()["c"][1]
            inlines.append({"t": "Equation", "id": label.group(1), "tex": tex})
            rest = inline["c"][label.end() :]
            if rest:
                inlines.append({"t": "Str", "c": rest})
            found = True
        return transform([{**element, "c": inlines}], lambda _: None) if found else None

    return transform(blocks, visit)


def _is_display(inline: Element) -> bool:
    return inline["t"] == "Math" and inline["c"][0]["t"] == "DisplayMath"
