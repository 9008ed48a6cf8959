"""`{{< pagebreak >}}`, the one shortcode that the execution of a chapter leaves in its text."""

from __future__ import annotations

from cvlib.engine.tree import Element, raw_block, text_of, transform


def mark_page_breaks(blocks: list[Element]) -> list[Element]:
    """Replace a paragraph that is the shortcode by a break in the PDF; a web page has none."""

    def visit(element: Element) -> list[Element] | None:
        if element["t"] == "Para" and text_of(element) == "{{< pagebreak >}}":
            return [raw_block("typst", "#pagebreak()")]
        return None

    return transform(blocks, visit)
