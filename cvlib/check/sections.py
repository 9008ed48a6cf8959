"""The report's parts in the PDF's outline, and how long each is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cvlib.check.pdf.box import Box
from cvlib.check.pdf.document import Entry
from cvlib.check.pdf.page import Page
from cvlib.check.subject import Subject

# Sections at the end that count to no part, whatever their level.
UNCOUNTED = ("provenance", "references", "bibliography", "acknowledg", "appendi")
_NUMBER = re.compile(r"^(?:\d+|[A-Z])(?:\.\d+)*\.?\s+")


@dataclass(frozen=True)
class Section:
    """A heading at the top of the outline with the titles of all below it."""

    title: str
    start: Entry
    end: Entry | None
    below: tuple[Entry, ...]


def bare(title: str) -> str:
    """Return a title without its number: `2.1 EXP01: …` is `EXP01: …`."""
    return _NUMBER.sub("", title)


def is_uncounted(entry: Entry) -> bool:
    """Tell whether a heading opens provenance, references or an appendix."""
    return bare(entry.title).lower().startswith(UNCOUNTED)


def top_sections(outline: Sequence[Entry]) -> list[Section]:
    """Return the top-level sections; one ends where the next, or an uncounted section, begins."""
    sections = []
    starts = [i for i, entry in enumerate(outline) if entry.level == 0]
    for start, following in zip(starts, [*starts[1:], len(outline)], strict=True):
        stop = next((i for i in range(start + 1, following) if is_uncounted(outline[i])), following)
        sections.append(
            Section(
                bare(outline[start].title),
                outline[start],
                outline[stop] if stop < len(outline) else None,
                tuple(outline[start + 1 : stop]),
            )
        )
    return sections


def section_called(outline: Sequence[Entry], word: str) -> Section | None:
    """Return the top-level section whose title holds `word`."""
    found = (s for s in top_sections(outline) if word in s.title.lower())
    return next(found, None)


def pages_of(section: Section, subject: Subject) -> float:
    """Return a section's length in heights of the text area.

    From the top of its heading to the next section's heading. Where that begins a page, to the last
    line before it: white space that is left over is not counted.
    """
    pages = subject.pdf.pages
    first = section.start.page
    end = section.end
    last = end.page if end is not None else len(pages)
    length = 0.0
    for page in pages[first - 1 : last]:
        area = subject.area(page)
        top = section.start.top if page.number == first else area.top
        bottom = area.bottom
        if end is not None and page.number == end.page:
            bottom = end.top
        elif page.number == last or (page.number == last - 1 and _begins_page(end, pages, subject)):
            bottom = _last_line(page, area)
        length += max(0.0, bottom - max(top, area.top)) / area.height
    return length


def _begins_page(entry: Entry | None, pages: Sequence[Page], subject: Subject) -> bool:
    """Tell whether nothing stands above a heading on its page."""
    if entry is None:
        return False
    page = pages[entry.page - 1]
    return all(drawn.box.bottom > entry.top for drawn in page.content)


def _last_line(page: Page, area: Box) -> float:
    """Return where a page's content ends, rules and boxes with it."""
    bottoms = (d.box.bottom for d in page.objects if d.box.top >= area.top)
    return max((bottom for bottom in bottoms if bottom <= area.bottom + 1), default=area.top)
