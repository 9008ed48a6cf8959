"""Figures and tables that carry a number, found in all the forms that markdown has for them.

A float becomes `{"t": "Float", "kind": "fig"|"tbl", "id", "caption", "content", "columns"}`;
a panel of a float is a float inside its content with an `id` that opens with its parent's.
A grid without a number becomes `{"t": "Panel", "columns", "content": list of cells}`.
"""

from __future__ import annotations

import re

from cvlib.engine.chapter import ExecutedChapter
from cvlib.engine.errors import RenderError
from cvlib.engine.source_lines import line_of
from cvlib.engine.tree import (
    Element,
    attr,
    div,
    elements_in,
    pairs,
    parse_inlines,
    text_of,
    transform,
)

LABEL = re.compile(r"(fig|tbl)-[\w-]+")
CAPTION_LABEL = re.compile(r"\{#(tbl-[\w-]+)\}")


def mark_floats(blocks: list[Element], chapter: ExecutedChapter) -> list[Element]:
    """Replace every figure, labelled table and grid in `blocks`."""

    def visit(element: Element) -> list[Element] | None:
        tag = element["t"]
        if tag == "Div":
            return _from_div(element)
        if tag == "Figure":
            return [_from_figure(element)]
        if tag == "Table":
            return _from_table(element)
        return None

    def _from_div(element: Element) -> list[Element] | None:
        attributes, content = element["c"]
        identifier, classes, _ = attributes
        given = pairs(attributes)
        columns = int(given["layout-ncol"]) if given.get("layout-ncol", "").isdigit() else None
        label = LABEL.fullmatch(identifier)
        if label is None and columns is None:
            return None
        lead, cells = _cells(content) if "cell" in classes else ([], list(content))
        if label is None:
            marked = [transform([cell], visit) for cell in cells]
            _refuse_captions(marked, chapter)
            panel = {"t": "Panel", "columns": columns, "content": marked}
            return [div(lead, attr()), panel] if lead else [panel]
        kind = label.group(1)
        caption = parse_inlines(given.get(f"{kind}-cap", ""))
        if not caption and cells and cells[-1]["t"] == "Para" and not _only_image(cells[-1]):
            caption, cells = cells[-1]["c"], cells[:-1]
        content = transform(cells, visit)
        if not caption:
            content, caption = _caption_from_inside(content, kind)
        if not content:
            raise RenderError(
                f"{identifier!r} has a label and nothing to show: its cell gave no "
                f"{'figure' if kind == 'fig' else 'table'}",
                file=chapter.file,
                line=line_of(chapter.source, identifier),
            )
        return [*lead, make_float(kind, identifier, caption, content, columns)]

    def _from_figure(element: Element) -> Element:
        attributes, caption, content = element["c"]
        inlines = [i for block in caption[1] for i in block["c"]]
        given = pairs(attributes)
        identifier = attributes[0]
        if identifier and not identifier.startswith("fig-"):
            raise RenderError(
                f"the label of a figure begins with 'fig-', this one is {identifier!r}",
                file=chapter.file,
                line=line_of(chapter.source, "#" + identifier, identifier),
            )
        alternative = given.get("fig-alt")
        content = transform(content, lambda e: _described(e, alternative, text_of(inlines)))
        return make_float("fig", identifier, inlines, content, None)

    def _from_table(element: Element) -> list[Element] | None:
        attributes, caption = element["c"][0], element["c"][1]
        inlines = [i for block in caption[1] for i in block["c"]]
        identifier = attributes[0]
        if inlines and inlines[-1]["t"] == "Str" and CAPTION_LABEL.fullmatch(inlines[-1]["c"]):
            identifier = inlines[-1]["c"][2:-1]
            inlines = inlines[:-1]
            while inlines and inlines[-1]["t"] == "Space":
                inlines.pop()
        if not identifier and not inlines:
            return None
        bare = {**element, "c": [["", *attributes[1:]], [None, []], *element["c"][2:]]}
        return [make_float("tbl", identifier, inlines, [bare], None)]

    marked = transform(blocks, visit)
    _refuse_tables_without_label(marked, chapter)
    return marked


def make_float(
    kind: str, identifier: str, caption: list[Element], content: list[Element], columns: int | None
) -> Element:
    """Make a Float."""
    return {
        "t": "Float",
        "kind": kind,
        "id": identifier,
        "caption": caption,
        "content": content,
        "columns": columns,
    }


def is_panel_of(element: Element, parent: Element) -> bool:
    """Tell whether a float is one of the panels of `parent`."""
    return element["t"] == "Float" and bool(
        re.fullmatch(re.escape(parent["id"]) + r"-\d+", element["id"])
    )


def _cells(content: list[Element]) -> tuple[list[Element], list[Element]]:
    """Split a cell: code and what it printed go before the float, displays into it."""
    lead: list[Element] = []
    cells: list[Element] = []
    for block in content:
        classes = block["c"][0][1] if block["t"] in ("CodeBlock", "Div") else []
        if "cell-code" in classes or {"cell-output-stderr", "cell-output-stdout"} & set(classes):
            lead.append(block)
        elif "cell-output" in classes:
            cells.extend(block["c"][1])
        else:
            cells.append(block)
    return lead, cells


def _caption_from_inside(content: list[Element], kind: str) -> tuple[list[Element], list[Element]]:
    """A labelled block around one captioned figure or table takes over that caption."""
    if len(content) == 1 and content[0]["t"] == "Float" and content[0]["kind"] == kind:
        inner = content[0]
        return inner["content"], inner["caption"]
    return content, []


def _only_image(block: Element) -> bool:
    return len(block["c"]) == 1 and block["c"][0]["t"] == "Image"


def _described(element: Element, alternative: str | None, caption: str) -> list[Element] | None:
    """Give a figure's picture its description: `fig-alt`, else the caption."""
    if element["t"] != "Image":
        return None
    attributes, inlines, target = element["c"]
    given = pairs(attributes)
    explicit = alternative or given.pop("fig-alt", None) or given.pop("alt", None)
    given.pop("fig-alt", None)
    given["alt"] = explicit or caption
    if explicit:
        given["described"] = "yes"
    return [{"t": "Image", "c": [["", attributes[1], [*given.items()]], inlines, target]}]


def _refuse_captions(cells: list[list[Element]], chapter: ExecutedChapter) -> None:
    """Quarto's PDF counts such captions a second time from 1: two figures named "Figure 1"."""
    for element in elements_in(cells):
        if element["t"] == "Float" and not element["id"] and element["caption"]:
            caption = text_of(element["caption"])
            raise RenderError(
                f"the figure {caption[:40]!r} stands in a layout without a label: give the whole a "
                "label (fig-name), its figures then are (a), (b), …, or leave the captions out",
                file=chapter.file,
                line=line_of(chapter.source, caption[:20], "layout-ncol"),
            )


def _refuse_tables_without_label(blocks: list[Element], chapter: ExecutedChapter) -> None:
    for element in elements_in(blocks):
        if element["t"] == "Float" and element["kind"] == "tbl" and not element["id"]:
            caption = text_of(element["caption"])
            raise RenderError(
                f"the table {caption[:40]!r} has a caption and no label, so it would have no "
                "number: add {#tbl-name} to the caption",
                file=chapter.file,
                line=line_of(chapter.source, caption[:20]),
            )
