"""One page of a PDF, read when asked."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pypdfium2 as pdfium

from cvlib.check.pdf.box import Box, around
from cvlib.check.pdf.objects import Drawn, objects_of
from cvlib.check.pdf.tags import Tagged, tags_of


class Page:
    """A page; `number` counts from 1. Places are in points from its upper left corner."""

    def __init__(self, page: pdfium.PdfPage, number: int) -> None:
        self._page = page
        self.number = number
        self.width, self.height = page.get_size()

    @cached_property
    def objects(self) -> tuple[Drawn, ...]:
        """Everything that is drawn, in the order of drawing."""
        return tuple(objects_of(self._page))

    @cached_property
    def text(self) -> str:
        """The page's text with its line ends, head and foot included."""
        texts = self._page.get_textpage()
        try:
            return texts.get_text_range()
        finally:
            texts.close()

    @cached_property
    def content(self) -> tuple[Drawn, ...]:
        """Everything but what belongs to the page itself: head, foot, rules."""
        return tuple(drawn for drawn in self.objects if not drawn.is_artifact)

    @cached_property
    def margin_texts(self) -> tuple[Drawn, ...]:
        """Head and foot."""
        return tuple(d for d in self.objects if d.is_artifact and d.kind == "text")

    @cached_property
    def tags(self) -> tuple[Tagged, ...]:
        """Figures and tables in reading order; empty where the PDF is not tagged."""
        return tags_of(self._page, frozenset({"Figure", "Table"}))

    def drawn_of(self, tag: Tagged) -> tuple[Drawn, ...]:
        """Return what a tag holds on this page."""
        return tuple(d for d in self.content if d.content_id in tag.content_ids)

    def box_of(self, tag: Tagged) -> Box | None:
        """Return where a tag's content is; None if nothing is drawn for it."""
        return around(drawn.box for drawn in self.drawn_of(tag))

    def ink(self, box: Box | None = None, scale: float = 1.0) -> np.ndarray:
        """Draw a part of the page (else all of it): (height, width, 3) uint8, `scale` pixels a point."""
        crop = (0.0, 0.0, 0.0, 0.0)
        if box is not None:
            edges = (box.left, self.height - box.bottom, self.width - box.right, box.top)
            crop = tuple(max(0.0, edge) for edge in edges)  # type: ignore[assignment]
        return self._page.render(scale=scale, crop=crop).to_numpy()
