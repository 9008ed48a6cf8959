"""Markdown pipe tables, the one form of table that every output format reads."""

from __future__ import annotations

from collections.abc import Sequence

_ALIGN = {"l": "left", "r": "right", "c": "center"}


def pipe_table(head: Sequence[str], rows: Sequence[Sequence[str]], align: str) -> str:
    """A table by tabulate. align: one of l, r, c for each column. Cells are plain text."""
    from tabulate import tabulate

    return tabulate(
        [[_cell(text) for text in row] for row in rows],
        headers=[_cell(text) for text in head],
        tablefmt="pipe",
        colalign=[_ALIGN[letter] for letter in align],
        disable_numparse=True,
    )


def _cell(text: str) -> str:
    # a bar ends the cell, the others would mark up the text
    for special in "\\|*_`<$^~[]":
        text = text.replace(special, "\\" + special)
    return text
