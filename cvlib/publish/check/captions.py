"""The caption of a figure or table in the PDF, by its place."""

from __future__ import annotations

import re

from cvlib.publish.pdf.objects import Drawn
from cvlib.publish.pdf.page import Page
from cvlib.publish.pdf.tags import Tagged

_NUMBERED = re.compile(r"^\s*([^\W\d]+[ \u00a0]\d+)\b")
_REACH = 60  # points; panels have a line of their own between picture and caption


def caption_of(page: Page, tag: Tagged) -> str | None:
    """Return `Figure 3` or `Table 2`: the caption nearest below a figure, or above a table."""
    box = page.box_of(tag)
    if box is None:
        return None

    def distance(drawn: Drawn) -> float:
        if tag.kind == "Figure":
            return drawn.box.top - box.bottom
        return box.top - drawn.box.bottom

    captions = [
        (distance(drawn), found[1].replace("\u00a0", " "))
        for drawn in page.content
        if drawn.kind == "text"
        and (found := _NUMBERED.match(drawn.text))
        and drawn.content_id not in tag.content_ids
        and -4 < distance(drawn) < _REACH
    ]
    return min(captions)[1] if captions else None
