"""A PDF as it is read for checking: pages, outline, fonts. Read by pdfium."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from cvlib.check.pdf.page import Page
from cvlib.engine.errors import RenderError


@dataclass(frozen=True)
class Entry:
    """A heading in the outline: level from 0, page from 1, `top` in points from the page's top."""

    title: str
    level: int
    page: int
    top: float


class Pdf:
    """An open PDF. Raises PublishError if the file is none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._document = pdfium.PdfDocument(path)
            count = len(self._document)
        except (pdfium.PdfiumError, OSError) as error:
            raise RenderError(f"{path} cannot be read as a PDF: {error}") from None
        self.pages = tuple(Page(self._document[index], index + 1) for index in range(count))

    @cached_property
    def outline(self) -> tuple[Entry, ...]:
        """All headings in reading order."""
        entries = []
        for bookmark in self._document.get_toc():
            target = bookmark.get_dest()
            index = target.get_index() if target else None
            if target is None or index is None:
                continue
            _, position = target.get_view()
            page = self.pages[index]
            top = page.height - position[1] if len(position) > 1 else 0.0
            title = bookmark.get_title().strip()
            entries.append(Entry(title, bookmark.level, index + 1, _heading_top(page, top)))
        return tuple(entries)

    @property
    def is_tagged(self) -> bool:
        """Whether heads, feet, figures and tables are marked as such; Typst does so since 0.14."""
        return bool(raw.FPDFCatalog_IsTagged(self._document))

    def close(self) -> None:
        """Let go of the file."""
        self._document.close()


def _heading_top(page: Page, target: float) -> float:
    """Return where the heading itself begins: Typst's targets lie 10 points above it."""
    tops = (d.box.top for d in page.content if d.kind == "text" and d.box.top >= target - 1)
    return min(tops, default=target)
