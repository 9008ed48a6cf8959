"""Where the text of a page may stand: the page less the margins that the PDF's format declares."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cvlib.check.pdf.box import Box
from cvlib.engine.book import Book
from cvlib.engine.errors import BookError

_POINTS = {"pt": 1.0, "mm": 72 / 25.4, "cm": 720 / 25.4, "in": 72.0}
_LENGTH = re.compile(r"([\d.]+)\s*(pt|mm|cm|in)")
# From the general to the particular, as in Typst's `page(margin: …)`.
_SIDES = {
    "left": ("rest", "x", "left"),
    "right": ("rest", "x", "right"),
    "top": ("rest", "y", "top"),
    "bottom": ("rest", "y", "bottom"),
}


def declared_margins(book: Book) -> dict[str, float | None]:
    """Return left, right, top and bottom in points; None for a side of which nothing is said.

    They are `margin:` of the Typst format in `_quarto.yml`, over that of its extension. Raises
    ProjectError for a length that is none.
    """
    options = book.formats["typ"].options if "typ" in book.formats else {}
    given = options.get("margin") or {}
    return {
        side: next((_points(given[key], key) for key in reversed(keys) if key in given), None)
        for side, keys in _SIDES.items()
    }


def text_area(width: float, height: float, margins: Mapping[str, float | None]) -> Box:
    """Return the text area of a page; a margin that is not declared is Typst's own, 2.5/21."""
    own = 2.5 / 21 * min(width, height)
    left, right, top, bottom = (
        own if margins[side] is None else margins[side]
        for side in ("left", "right", "top", "bottom")
    )
    assert left is not None and right is not None and top is not None and bottom is not None
    return Box(left, top, width - right, height - bottom)


def _points(value: Any, key: str) -> float:
    found = _LENGTH.fullmatch(str(value).strip())
    if found is None:
        raise BookError(
            f"margin.{key} of the PDF's format is {value!r}; expected a length such as 2.3cm or 60pt",
            file="_quarto.yml",
        )
    return float(found[1]) * _POINTS[found[2]]
