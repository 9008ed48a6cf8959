"""Tables that a cell printed as HTML (a pandas frame) become tables of the tree, as in Quarto."""

from __future__ import annotations

from cvlib.engine import pandoc
from cvlib.engine.tree import Element, elements_in, transform


def read_html_tables(blocks: list[Element]) -> list[Element]:
    """Replace every raw HTML block with a `<table>` in it by its tables."""

    def visit(element: Element) -> list[Element] | None:
        if (
            element["t"] != "RawBlock"
            or element["c"][0] != "html"
            or "<table" not in element["c"][1]
        ):
            return None
        written, _ = pandoc.run(["--from", "html", "--to", "json"], element["c"][1])
        found = elements_in(pandoc.parse(written)["blocks"])
        return [_right_aligned(table) for table in found if table["t"] == "Table"]

    return transform(blocks, visit)


def _right_aligned(table: Element) -> Element:
    """A pandas frame is set to the right in every column, as its own style sheet says."""
    attributes, caption, columns, *rest = table["c"]
    if "dataframe" in attributes[1]:
        columns = [[{"t": "AlignRight"}, width] for _, width in columns]
    return {"t": "Table", "c": [["", [], []], caption, columns, *rest]}
