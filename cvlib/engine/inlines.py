"""Short markdown inside attributes and settings (captions, titles) as inlines."""

from __future__ import annotations

import re

from cvlib.engine import pandoc
from cvlib.engine.ast import Element, words

# Text without markdown in it needs no call of pandoc.
NO_MARKUP = re.compile(r"(?!.*(--|\.\.\.))[^\W\d_][\w ,.;:()%±×/+=?!&–—-]*", re.UNICODE)


def parse_inlines(text: str) -> list[Element]:
    """Parse one paragraph of markdown to inlines."""
    text = " ".join(text.split())
    if not text:
        return []
    if NO_MARKUP.fullmatch(text) and "_" not in text:
        return words(text)
    blocks = pandoc.read(text)["blocks"]
    if len(blocks) == 1 and blocks[0]["t"] in ("Para", "Plain"):
        inlines: list[Element] = blocks[0]["c"]
        return inlines
    return words(text)
