"""Nothing of a page's content stands outside of its text area."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cvlib.check.finding import Finding, failed, ok, unchecked
from cvlib.check.pdf.box import Box
from cvlib.check.pdf.objects import Drawn
from cvlib.check.pdf.page import Page
from cvlib.check.subject import Subject

# In points. Typst hangs punctuation by up to 2 points into the margin, and letters reach below
# the line that they stand on; whatever sticks out further is seen.
SIDE = 4.0
DEPTH = 6.0

_REMEDY = (
    "Break or shorten it: a long word or link, a line of code, a formula; give a figure a smaller "
    "`width=`; let a table have fewer columns."
)


def find(subject: Subject) -> Iterator[Finding]:
    """Measure all texts, then look at the margins for anything else that is drawn there."""
    wrong = 0
    for page in subject.pdf.pages:
        area = subject.area(page)
        words = [d for d in page.content if d.kind == "text" and d.text.strip()]
        # the check of tables says so of theirs
        in_tables = {
            number for tag in page.tags if tag.kind == "Table" for number in tag.content_ids
        }
        texts = [d for d in words if d.content_id not in in_tables]
        found = [*_outside_page(page, texts), *_outside_area(page, area, texts, subject)]
        is_explained = found or any(_is_wide(d, area) for d in words)
        if not is_explained and (side := _ink_in_margin(page, area)):
            found = [
                failed(
                    f"something is drawn in the {side} margin: a figure or a rule that is too wide",
                    _REMEDY,
                    page=page.number,
                )
            ]
        wrong += len(found)
        yield from found
    if not subject.pdf.is_tagged:
        yield unchecked(
            "the PDF is not tagged, so that its heads and feet cannot be told from its text: only "
            "the margins at the sides were looked at",
            "Typst 0.14 and later tags what it writes.",
        )
    if not wrong:
        yield ok("all content is inside the margins")


def _outside_page(page: Page, texts: list[Drawn]) -> list[Finding]:
    out = [
        d
        for d in texts
        if d.box.left < 0 or d.box.top < 0 or d.box.right > page.width or d.box.bottom > page.height
    ]
    if not out:
        return []
    return [failed(f"{_quoted(out)} runs off the page", _REMEDY, page=page.number)]


def _outside_area(page: Page, area: Box, texts: list[Drawn], subject: Subject) -> list[Finding]:
    found = []
    on_page = [d for d in texts if d.box.left >= 0 and d.box.right <= page.width]
    wide = [d for d in on_page if _is_wide(d, area)]
    if wide:
        found.append(failed(f"{_quoted(wide)} stands in the margin", _REMEDY, page=page.number))
    if subject.pdf.is_tagged:
        low = [d for d in on_page if area.bottom + DEPTH < d.box.bottom <= page.height]
        if low:
            found.append(
                failed(
                    f"{_quoted(low)} stands below the last line, in the foot of the page", _REMEDY,
                    page=page.number,
                )
            )  # fmt: skip
    return found


def _is_wide(drawn: Drawn, area: Box) -> bool:
    return drawn.box.left < area.left - SIDE or drawn.box.right > area.right + SIDE


def _ink_in_margin(page: Page, area: Box) -> str | None:
    """Return the side on which something is drawn beyond the text area."""
    strips = {
        "left": Box(0, 0, area.left - SIDE, page.height),
        "right": Box(area.right + SIDE, 0, page.width, page.height),
    }
    for side, strip in strips.items():
        if strip.width < 1:
            continue
        ink = page.ink(strip)
        if np.ptp(ink, axis=(0, 1)).max() > 16:
            return side
    return None


def _quoted(texts: list[Drawn]) -> str:
    words = texts[0].text.strip()
    more = f" and {len(texts) - 1} more" if len(texts) > 1 else ""
    return f"the text {words[:40] + '…' if len(words) > 40 else words!r}{more}"
