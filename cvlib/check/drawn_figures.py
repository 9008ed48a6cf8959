"""Every figure of the PDF shows something."""

from __future__ import annotations

from collections.abc import Iterator

from cvlib.check.blank import is_one_colour
from cvlib.check.captions import caption_of
from cvlib.check.finding import Finding, failed, ok, unchecked
from cvlib.check.subject import Subject

_REMEDY = (
    "See what its cell draws (`cvlib render CHAPTER --fresh --to html`): the variants that it names "
    "may have no results."
)


def find(subject: Subject) -> Iterator[Finding]:
    """Look at what the PDF draws for each figure that it tags."""
    if not subject.pdf.is_tagged:
        yield unchecked("the PDF is not tagged, so that its figures cannot be found")
        return
    count, wrong = 0, 0
    for page in subject.pdf.pages:
        for tag in page.tags:
            if tag.kind != "Figure":
                continue
            count += 1
            box = page.box_of(tag)
            name = caption_of(page, tag, subject.caption_word(tag.kind))
            if box is None:
                says = "has no picture"
            elif is_one_colour(page.ink(box)):
                says = "is empty: it is of one colour"
            else:
                continue
            wrong += 1
            yield failed(f"{name or 'a figure'} {says}", _REMEDY, page=page.number, label=name)
    if not wrong:
        yield ok(f"{count} pictures, none of them empty")
