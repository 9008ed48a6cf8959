"""The PDF is as long as the course allows, in all and part by part."""

from __future__ import annotations

from collections.abc import Iterator

from cvlib.check.finding import Finding, failed, note, ok
from cvlib.check.sections import pages_of, section_called
from cvlib.check.subject import Subject

_SHORTER = "Shorten the text, or leave out a figure or rows of a table (`variants=[…]`)."
_LONGER = "The course expects more: say what was found, and why."


def find_total(subject: Subject) -> Iterator[Finding]:
    """Count the pages of the PDF."""
    lowest, highest = subject.settings.pages.total
    count = len(subject.pdf.pages)
    yield _judged(f"{count} pages", count, lowest, highest)


def find_parts(subject: Subject) -> Iterator[Finding]:
    """Measure Description, Experiment Journal and Summary in heights of the text area."""
    limits = subject.settings.pages
    for word, lowest, highest in (
        ("description", 0.0, limits.description),
        ("journal", *limits.journal),
        ("summary", 0.0, limits.summary),
    ):
        section = section_called(subject.pdf.outline, word)
        if section is None:
            continue  # the check of the required parts says so
        length = pages_of(section, subject)
        says = f"{section.title}: {length:.2f} pages"
        yield _judged(says, round(length, 2), lowest, highest, page=section.start.page)


def _judged(
    says: str, length: float, lowest: float, highest: float, page: int | None = None
) -> Finding:
    allowed = f"{lowest:g} to {highest:g}" if lowest else f"at most {highest:g}"
    if length > highest:
        return failed(f"{says}, {allowed} allowed", _SHORTER, page=page)
    if length < lowest:
        return failed(f"{says}, {allowed} asked for", _LONGER, page=page)
    if not lowest and length < highest / 4:
        return note(f"{says} ({allowed}): rather short", page=page)
    return ok(f"{says} ({allowed})")
