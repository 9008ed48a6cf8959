"""Figures and tables that carry a number, found in all the forms that markdown has for them.

A float becomes `{"t": "Float", "kind": "fig"|"tbl", "id", "caption", "content"}`, a grid has `columns`;
a panel of a float is a float inside its content with an `id` that opens with its parent's.
A grid without a number becomes `{"t": "Panel", "columns", "content": list of cells}`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from cvlib.engine.tree import Element, elements_in, make, parse_inlines, text_of, transform

_LABEL = re.compile(r"(fig|tbl)-[\w-]+")
_CAPTION_LABEL = re.compile(r"\{#(tbl-[\w-]+)\}")


Note = Callable[..., None]  # of a problem, with what to look for in the chapter's source


def mark_floats(blocks: list[Element], note: Note) -> list[Element]:
    """Replace every figure, labelled table and grid in `blocks`; note what is wrong with one."""

    def visit(element: Element) -> list[Element] | None:
        tag = element["t"]
        if tag == "Div":
            return from_div(*element["c"])
        if tag == "Figure":
            return [from_figure(*element["c"])]
        if tag == "Table":
            return from_table(*element["c"])
        return None

    def from_div(attributes: list[Any], content: list[Element]) -> list[Element] | None:
        identifier, classes, _ = attributes
        given = dict(attributes[2])
        columns = _columns(given.get("layout-ncol", ""), note)
        label = _LABEL.fullmatch(identifier)
        if label is None and columns is None:
            return None
        lead, cells = _cells(content) if "cell" in classes else ([], list(content))
        if label is None:
            marked = [transform([cell], visit) for cell in cells]
            _refuse_captions(marked, note)
            panel = {"t": "Panel", "columns": columns, "content": marked}
            return [make("Div", ["", [], []], lead), panel] if lead else [panel]
        kind = label.group(1)
        caption = parse_inlines(given.get(f"{kind}-cap", ""))
        if not caption and cells and cells[-1]["t"] == "Para" and not _is_image(cells[-1]):
            caption, cells = cells[-1]["c"], cells[:-1]
        content = transform(cells, visit)
        if not caption and len(content) == 1 and content[0].get("kind") == kind:
            # a labelled block around one captioned figure or table takes over that caption
            content, caption = content[0]["content"], content[0]["caption"]
        if not content:
            note(
                f"{identifier!r} has a label and nothing to show: its cell gave no "
                f"{'figure' if kind == 'fig' else 'table'}",
                identifier,
            )
        named = {"t": "Float", "kind": kind, "id": identifier, "caption": caption}
        return [*lead, {**named, "content": content, "columns": columns}]

    def from_figure(attributes: list[Any], caption: list[Any], content: list[Element]) -> Element:
        identifier = attributes[0]
        if identifier and not identifier.startswith("fig-"):
            note(
                f"the label of a figure begins with 'fig-', this one is {identifier!r}",
                "#" + identifier,
                identifier,
            )
        inlines = [inline for block in caption[1] for inline in block["c"]]
        alternative = dict(attributes[2]).get("fig-alt")
        described = transform(content, lambda e: _described(e, alternative, text_of(inlines)))
        return {
            "t": "Float",
            "kind": "fig",
            "id": identifier,
            "caption": inlines,
            "content": described,
        }

    def from_table(attributes: list[Any], caption: list[Any], *rest: Any) -> list[Element] | None:
        inlines = [inline for block in caption[1] for inline in block["c"]]
        identifier = attributes[0]
        if inlines and inlines[-1]["t"] == "Str" and _CAPTION_LABEL.fullmatch(inlines[-1]["c"]):
            identifier = inlines.pop()["c"][2:-1]
            while inlines and inlines[-1]["t"] == "Space":
                inlines.pop()
        if not identifier and not inlines:
            return None
        bare = {"t": "Table", "c": [["", *attributes[1:]], [None, []], *rest]}
        return [
            {"t": "Float", "kind": "tbl", "id": identifier, "caption": inlines, "content": [bare]}
        ]

    marked = transform(blocks, visit)
    for element in elements_in(marked):
        if element["t"] == "Float" and element["kind"] == "tbl" and not element["id"]:
            caption = text_of(element["caption"])
            note(
                f"the table {caption[:40]!r} has a caption and no label, so it would have no "
                "number: add {#tbl-name} to the caption",
                caption[:20],
            )
    return marked


def panels_of(element: Element) -> list[Element]:
    """The lettered panels of a float, in order."""
    is_panel = re.compile(re.escape(element["id"]) + r"-\d+").fullmatch
    inside = elements_in(element["content"])
    return [each for each in inside if each["t"] == "Float" and is_panel(each["id"])]


def _columns(given: str, note: Note) -> int | None:
    if not given.isdecimal():
        return None
    if len(given) > 2 or int(given) == 0:
        note(f"layout-ncol is {given[:9]}, expected 1 to 99 columns", "layout-ncol")
        return 1
    return int(given)


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


def _is_image(block: Element) -> bool:
    return len(block["c"]) == 1 and block["c"][0]["t"] == "Image"


def _described(element: Element, alternative: str | None, caption: str) -> list[Element] | None:
    """Give a figure's picture its description: `fig-alt`, else the caption."""
    if element["t"] != "Image":
        return None
    attributes, inlines, target = element["c"]
    given = dict(attributes[2])
    own, alt = given.pop("fig-alt", None), given.get("alt")
    explicit = alternative or own or alt
    given["alt"] = explicit or caption
    if explicit:
        given["described"] = "yes"
    return [{"t": "Image", "c": [["", attributes[1], [*given.items()]], inlines, target]}]


def _refuse_captions(cells: list[list[Element]], note: Note) -> None:
    """Quarto's PDF counts such captions a second time from 1: two figures named "Figure 1"."""
    for element in elements_in(cells):
        if element["t"] == "Float" and not element["id"] and element["caption"]:
            caption = text_of(element["caption"])
            note(
                f"the figure {caption[:40]!r} stands in a layout without a label: give the whole a "
                "label (fig-name), its figures then are (a), (b), …, or leave the captions out",
                caption[:20],
                "layout-ncol",
            )
