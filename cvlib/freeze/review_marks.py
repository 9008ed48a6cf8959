"""Blocks of interpretation in a page: marked where their results changed, plain text in the PDF."""

from __future__ import annotations

from collections.abc import Mapping

from cvlib.engine.ast import Element, attr, div, pairs, para, span, transform, words
from cvlib.freeze.interpretation import CLASS, Block, review_note


def mark_reviews(
    blocks: list[Element], file: str, output: str, now: Mapping[str, str] | None
) -> list[Element]:
    """Take the fences of interpretation off for Typst; mark what is to be read again for HTML.

    now: fingerprints of all experiments, None where nobody noted them: then nothing is marked.
    """

    def visit(element: Element) -> list[Element] | None:
        if element["t"] != "Div" or CLASS not in element["c"][0][1]:
            return None
        (identifier, classes, _), content = element["c"]
        inside = transform(content, visit)
        if output != "html":
            return inside
        note = _note(element, file, now)
        shown = (*classes, *(("needs-review",) if note else ()))
        marked = [para([span(words(note), attr("", ("review-note",)))])] if note else []
        return [div([*marked, *inside], attr(identifier, shown))]

    return transform(blocks, visit)


def _note(element: Element, file: str, now: Mapping[str, str] | None) -> str:
    if now is None:
        return ""
    given = pairs(element["c"][0])
    items = [item.partition("=") for item in given.get("reviewed", "").split()]
    reviewed = {name: digits for name, _, digits in items}
    block = Block(file, 0, "", (), reviewed)
    # what the text itself names: a page is made without asking what else its chapter reads
    mine = {name: now.get(name, "") for name in reviewed} or {"": ""}
    return review_note(block, mine)
