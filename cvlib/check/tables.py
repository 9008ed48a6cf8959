"""No table is cut off: at its sides, at the foot of the page, or cell by cell."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from cvlib.check.captions import caption_of
from cvlib.check.finding import Finding, failed, ok, unchecked
from cvlib.check.page_bounds import DEPTH, SIDE
from cvlib.check.pdf.box import Box, around
from cvlib.check.pdf.objects import Drawn
from cvlib.check.pdf.page import Page
from cvlib.check.pdf.tags import Tagged
from cvlib.check.subject import Subject

_REMEDY = (
    "Let it have fewer columns or rows, or shorter words in its cells; a long table may run over "
    "several pages, a wide one may not."
)
# Points by which the texts of two cells may share room: accents and exponents touch.
_TOUCH = 1.5


def find(subject: Subject) -> Iterator[Finding]:
    """Measure every table of a tagged PDF with its rules."""
    if not subject.pdf.is_tagged:
        yield unchecked("the PDF is not tagged, so that its tables cannot be found")
        return
    count, wrong = 0, 0
    for page in subject.pdf.pages:
        area = subject.area(page)
        for tag in page.tags:
            cells = page.drawn_of(tag)
            if tag.kind != "Table" or not cells:
                continue
            count += 1
            if says := _wrong_with(page, tag, cells, area):
                wrong += 1
                name = caption_of(page, tag, subject.caption_word(tag.kind))
                yield failed(f"{name or 'a table'} {says}", _REMEDY, page=page.number, label=name)
    if not wrong:
        yield ok(f"{count} tables and parts of tables, none of them cut off")


def _wrong_with(page: Page, tag: Tagged, cells: tuple[Drawn, ...], area: Box) -> str | None:
    box = around([drawn.box for drawn in cells])
    assert box is not None
    ruled = around([box, *(rule.box for rule in _rules(page, box))]) or box
    if ruled.right > page.width or ruled.left < 0:
        return "runs off the page at its side"
    if ruled.right > area.right + SIDE:
        return f"is cut off: it sticks {ruled.right - area.right:.0f} points into the right margin"
    if ruled.left < area.left - SIDE:
        return f"is cut off: it sticks {area.left - ruled.left:.0f} points into the left margin"
    if box.bottom > area.bottom + DEPTH:
        return "runs into the foot of the page"
    texts = [d for d in cells if d.kind == "text" and d.text.strip()]
    for first, second in combinations(texts, 2):
        if first.content_id != second.content_id and _overlap(first.box, second.box):
            return f"has texts over one another: {first.text.strip()!r} and {second.text.strip()!r}"
    return None


def _rules(page: Page, box: Box) -> list[Drawn]:
    """Return the lines of a table: horizontal, and at the height of its rows."""
    return [
        d
        for d in page.objects
        if d.kind == "path"
        and d.is_artifact
        and d.box.height < 3
        and box.top - 12 < d.box.top < box.bottom + 12
    ]


def _overlap(first: Box, second: Box) -> bool:
    width = min(first.right, second.right) - max(first.left, second.left)
    height = min(first.bottom, second.bottom) - max(first.top, second.top)
    return width > _TOUCH and height > _TOUCH
