"""Every font's letters are in the PDF, so that it looks the same everywhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from cvlib.check.finding import Finding, failed, ok
from cvlib.check.pdf.objects import Font
from cvlib.check.subject import Subject


def find(subject: Subject) -> Iterator[Finding]:
    """Ask the font of every text of the PDF."""
    pages: dict[Font, list[int]] = defaultdict(list)
    for page in subject.pdf.pages:
        for font in {drawn.font for drawn in page.objects if drawn.font is not None}:
            pages[font].append(page.number)
    if not pages:
        yield failed(
            "the PDF has no text; it may be a scan or a print of pictures",
            "Hand in the PDF that `make report` makes.",
        )
        return
    loose = [font for font in pages if not font.is_embedded]
    for font in sorted(loose, key=lambda font: font.name):
        yield failed(
            f"the font {font.name} is not embedded",
            "Render with Typst (`make report`), which embeds all; other programs that write PDFs "
            "have a setting for it.",
            page=pages[font][0],
        )
    if not loose:
        yield ok(f"{len(pages)} fonts, all embedded")
