"""A PDF as it is read for checking: pages and what is drawn on them, tags, outline. Read by pdfium.

Places are in points (1/72 inch) from a page's upper left corner.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as raw

from cvlib.engine.errors import RenderError

Kind = Literal["text", "path", "image", "form", "other"]

_KINDS: dict[int, Kind] = {
    raw.FPDF_PAGEOBJ_TEXT: "text",
    raw.FPDF_PAGEOBJ_PATH: "path",
    raw.FPDF_PAGEOBJ_IMAGE: "image",
    raw.FPDF_PAGEOBJ_FORM: "form",
}


class Box(NamedTuple):
    """A rectangle on a page; `top` is the smaller y."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """In points."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """In points."""
        return self.bottom - self.top


def around(boxes: Iterable[Box]) -> Box | None:
    """Return the smallest box that holds all of `boxes`; None without any."""
    every = list(boxes)
    if not every:
        return None
    lefts, tops, rights, bottoms = zip(*every, strict=True)
    return Box(min(lefts), min(tops), max(rights), max(bottoms))


@dataclass(frozen=True)
class Font:
    """A font as the PDF names it, and whether its letters are in the file."""

    name: str
    is_embedded: bool


@dataclass(frozen=True)
class Drawn:
    """One object of a page.

    is_artifact: no part of the content but of the page: head, foot, rules. Typst marks those, and
    numbers what belongs to one tag (`content_id`, None if untagged).
    """

    kind: Kind
    box: Box
    is_artifact: bool
    content_id: int | None
    text: str = ""
    font: Font | None = None


@dataclass(frozen=True)
class Tagged:
    """A figure or table as the PDF tags it: `Figure` or `Table`, and the ids of what it holds."""

    kind: str
    content_ids: frozenset[int]


@dataclass(frozen=True)
class OutlineEntry:
    """A heading in the outline: level from 0, page from 1, `top` in points from the page's top."""

    title: str
    level: int
    page: int
    top: float


class Page:
    """A page, read when asked; `number` counts from 1."""

    def __init__(self, page: pdfium.PdfPage, number: int) -> None:
        self._page = page
        self.number = number
        self.width, self.height = page.get_size()

    @cached_property
    def objects(self) -> tuple[Drawn, ...]:
        """Everything that is drawn, in the order of drawing, what is in a form after the form."""
        return tuple(_objects(self._page))

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
    def words(self) -> tuple[Drawn, ...]:
        """The texts of the content that are not blank."""
        return tuple(d for d in self.content if d.kind == "text" and d.text.strip())

    @cached_property
    def tags(self) -> tuple[Tagged, ...]:
        """Figures and tables in reading order, none inside another; empty in an untagged PDF."""
        tree = raw.FPDF_StructTree_GetForPage(self._page)
        if not tree:
            return ()
        try:
            count = raw.FPDF_StructTree_CountChildren(tree)
            tops = [raw.FPDF_StructTree_GetChildAtIndex(tree, index) for index in range(count)]
            return tuple(tag for top in tops if top for tag in _tags(top))
        finally:
            raw.FPDF_StructTree_Close(tree)

    def drawn_of(self, tag: Tagged) -> tuple[Drawn, ...]:
        """Return what a tag holds on this page."""
        return tuple(d for d in self.content if d.content_id in tag.content_ids)

    def box_of(self, tag: Tagged) -> Box | None:
        """Return where a tag's content is; None if nothing is drawn for it."""
        return around(drawn.box for drawn in self.drawn_of(tag))

    def ink(self, box: Box) -> np.ndarray:
        """Draw a part of the page: (height, width, 3) uint8, a pixel a point."""
        edges = (box.left, self.height - box.bottom, self.width - box.right, box.top)
        crop: Any = tuple(max(0.0, edge) for edge in edges)
        return self._page.render(scale=1.0, crop=crop).to_numpy()


class Pdf:
    """An open PDF. Raises RenderError if the file is none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._document = pdfium.PdfDocument(path)
            count = len(self._document)
        except (pdfium.PdfiumError, OSError) as error:
            raise RenderError(f"{path} cannot be read as a PDF: {error}") from None
        self.pages = tuple(Page(self._document[index], index + 1) for index in range(count))

    @cached_property
    def outline(self) -> tuple[OutlineEntry, ...]:
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
            # the heading itself begins lower: Typst's targets lie 10 points above it
            texts = (d.box.top for d in page.content if d.kind == "text")
            top = min((text for text in texts if text >= top - 1), default=top)
            entries.append(
                OutlineEntry(bookmark.get_title().strip(), bookmark.level, index + 1, top)
            )
        return tuple(entries)

    @property
    def is_tagged(self) -> bool:
        """Whether heads, feet, figures and tables are marked as such; Typst does so since 0.14."""
        return bool(raw.FPDFCatalog_IsTagged(self._document))

    def close(self) -> None:
        """Let go of the file."""
        self._document.close()


def _objects(page: pdfium.PdfPage) -> Iterator[Drawn]:
    texts = page.get_textpage()
    height = page.get_height()
    fonts: dict[int, Font] = {}
    for found in page.get_objects(max_depth=4, textpage=texts):
        kind = _KINDS.get(found.type, "other")
        # inside a form, bounds are in the form's coordinates, and the tags are on the outermost one
        left, bottom, right, top = found.get_bounds()
        outermost: Any = found
        while outermost.container is not None:
            outermost = outermost.container
            left, bottom, right, top = outermost.get_matrix().on_rect(left, bottom, right, top)
        number = raw.FPDFPageObj_GetMarkedContentID(outermost)
        yield Drawn(
            kind=kind,
            box=Box(left, height - top, right, height - bottom),
            is_artifact="Artifact" in _content_marks(outermost),
            content_id=None if number < 0 else number,
            text=found.extract() if kind == "text" else "",
            font=_font(found, fonts) if kind == "text" else None,
        )
    texts.close()


def _content_marks(found: Any) -> list[str]:
    """Return the names of the marked-content sequences that an object is in."""
    names = []
    for index in range(raw.FPDFPageObj_CountMarks(found)):
        mark = raw.FPDFPageObj_GetMark(found, index)
        length = ctypes.c_ulong()
        raw.FPDFPageObjMark_GetName(mark, None, 0, length)
        buffer = ctypes.create_string_buffer(length.value)
        into = ctypes.cast(buffer, ctypes.POINTER(raw.FPDF_WCHAR))
        raw.FPDFPageObjMark_GetName(mark, into, length.value, length)
        names.append(_utf16(buffer))
    return names


def _font(found: Any, known: dict[int, Font]) -> Font:
    font = raw.FPDFTextObj_GetFont(found)
    address = ctypes.addressof(font.contents)
    if address not in known:
        buffer = ctypes.create_string_buffer(256)
        raw.FPDFFont_GetBaseFontName(font, buffer, len(buffer))
        name = buffer.value.decode("utf-8", "replace") or "a font without a name"
        known[address] = Font(name, raw.FPDFFont_GetIsEmbedded(font) == 1)
    return known[address]


def _tags(element: Any) -> Iterator[Tagged]:
    """Yield the outermost figures and tables of a tag and those inside of it."""
    length = raw.FPDF_StructElement_GetType(element, None, 0)
    buffer = ctypes.create_string_buffer(length)
    raw.FPDF_StructElement_GetType(element, buffer, length)
    kind = _utf16(buffer)
    if kind in ("Figure", "Table"):
        yield Tagged(kind, frozenset(_content_ids(element)))
        return
    for child in _children(element):
        yield from _tags(child)


def _content_ids(element: Any) -> Iterator[int]:
    for index in range(raw.FPDF_StructElement_GetMarkedContentIdCount(element)):
        number = raw.FPDF_StructElement_GetMarkedContentIdAtIndex(element, index)
        if number >= 0:  # -1 stands for a child that is a tag itself
            yield number
    for child in _children(element):
        yield from _content_ids(child)


def _children(element: Any) -> Iterator[Any]:
    for index in range(raw.FPDF_StructElement_CountChildren(element)):
        child = raw.FPDF_StructElement_GetChildAtIndex(element, index)
        if child:
            yield child


def _utf16(buffer: Any) -> str:
    return buffer.raw.decode("utf-16-le").rstrip("\0")
