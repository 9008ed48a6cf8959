"""The caption of a figure or table in the PDF, by its place."""

from __future__ import annotations

import re

from cvlib.check.pdf.objects import Drawn
from cvlib.check.pdf.page import Page
from cvlib.check.pdf.tags import Tagged

_REACH = 60  # points; panels have a line of their own between picture and caption


def caption_of(page: Page, tag: Tagged, word: str) -> str | None:
    """Return `Figure 3` or `Table 2`: the caption nearest below a figure, or above a table.

    word: what captions of this kind begin with.
    """
    box = page.box_of(tag)
    if box is None:
        return None
    numbered = re.compile(rf"\s*({re.escape(word)}[ \u00a0]\d+)\b")

    def distance(drawn: Drawn) -> float:
        if tag.kind == "Figure":
            return drawn.box.top - box.bottom
        # Typst may tag a table's caption as part of the table
        return max(0.0, box.top - drawn.box.bottom)

    captions = [
        (distance(drawn), found[1].replace("\u00a0", " "))
        for drawn in page.content
        if drawn.kind == "text"
        and (found := numbered.match(drawn.text))
        and -4 < distance(drawn) < _REACH
    ]
    return min(captions)[1] if captions else None
