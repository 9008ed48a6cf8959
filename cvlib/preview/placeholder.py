"""A chapter that cannot be shown yet: its text, with places kept for figures, tables and numbers.

So that somebody can write while a training goes on, and references to the figures lead somewhere.
"""

from __future__ import annotations

import re
from typing import Any

from cvlib.engine.kernel import Output
from cvlib.engine.chapter import Cell, Chapter
from cvlib.engine.execute import Executed, Ran, write_executed
from cvlib.journal.captions import expressions_in
from cvlib.engine.book import Book
from cvlib.journal.captions import expressions_in as asked_in_captions

VALUE = "…"
TABLE = "| no results yet |\n|:--|\n| … |\n"
FIGURE = """<svg xmlns="http://www.w3.org/2000/svg" width="300pt" height="110pt" viewBox="0 0 300 110">
<rect x="1" y="1" width="298" height="108" rx="4" fill="#f6f7f9" stroke="#b6bdc7" stroke-dasharray="5 4"/>
<text x="150" y="59" text-anchor="middle" font-family="sans-serif" font-size="11" fill="#5b6470">no results yet</text>
</svg>
"""

_FENCED = re.compile(r"^(```+|~~~+).*?^\1`*\s*$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#{1,4} .*\S", re.MULTILINE)
_LABEL = re.compile(r"(?:^#\|\s*label:\s*|\{#)((?:fig|tbl)-[\w-]+)", re.MULTILINE)


def placeholder(project: Book, chapter: Chapter) -> Executed:
    """Return what stands for the chapter's HTML until its cells have run."""
    head = _ran(chapter.head).outputs
    return write_executed(project, chapter, head, [_ran(block) for block in chapter.blocks])["html"]


def outline(text: str, stem: str) -> Executed:
    """Return what stands for a chapter that cannot be read at all: its headings and labels.

    stem: the name of its file. A reference from another chapter is then no error of that one.
    """
    outside = _FENCED.sub("", text)
    headings = _HEADING.findall(outside) or [f"# {stem}"]
    labels = dict.fromkeys(_LABEL.findall(text))
    places = [
        f"::: {{#{label}}}\n{TABLE}\n:::" if label.startswith("tbl-")
        else f"![{VALUE}]({stem}_files/figure-html/place.svg){{#{label}}}"
        for label in labels
    ]  # fmt: skip
    return Executed("\n\n".join([*headings, *places]) + "\n", {"place.svg": FIGURE.encode()})


def _ran(block: Any) -> Ran:
    if not isinstance(block, Cell):
        count = len(expressions_in(block.text))
        return Ran([{"status": "ok", "data": {"text/markdown": VALUE}}] * count)
    label = str(block.options.get("label", ""))
    captions = {asked: {"text/markdown": VALUE} for asked in asked_in_captions(block.options)}
    if label.startswith("fig-"):
        panels = block.options.get("fig-subcap")
        count = len(panels) if isinstance(panels, list) else 1
        return Ran([_shown("image/svg+xml", FIGURE)] * count, captions)
    if label.startswith("tbl-"):
        return Ran([_shown("text/markdown", TABLE)], captions)
    return Ran([], captions)


def _shown(kind: str, content: str) -> Output:
    return {"output_type": "display_data", "data": {kind: content}, "metadata": {}}
