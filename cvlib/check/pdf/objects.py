"""What is drawn on a page: texts, lines and areas, pictures, each with its place and its tags."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from cvlib.check.pdf.box import Box

Kind = Literal["text", "path", "image", "form", "other"]

_KINDS: dict[int, Kind] = {
    raw.FPDF_PAGEOBJ_TEXT: "text",
    raw.FPDF_PAGEOBJ_PATH: "path",
    raw.FPDF_PAGEOBJ_IMAGE: "image",
    raw.FPDF_PAGEOBJ_FORM: "form",
}


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


def objects_of(page: pdfium.PdfPage) -> Iterator[Drawn]:
    """Yield all objects of a page in the order of drawing, those inside forms after their form."""
    texts = page.get_textpage()
    height = page.get_height()
    fonts: dict[int, Font] = {}
    for found in page.get_objects(max_depth=4, textpage=texts):
        kind = _KINDS.get(found.type, "other")
        holder = _outermost(found)
        yield Drawn(
            kind=kind,
            box=_box(found, height),
            is_artifact="Artifact" in _marks(holder),
            content_id=_content_id(holder),
            text=found.extract() if kind == "text" else "",
            font=_font(found, fonts) if kind == "text" else None,
        )
    texts.close()


def _outermost(found: Any) -> Any:
    """Return the form that an object is inside of; the tags are there."""
    while found.container is not None:
        found = found.container
    return found


def _box(found: Any, height: float) -> Box:
    """Return an object's bounds on the page; inside a form they are in the form's coordinates."""
    left, bottom, right, top = found.get_bounds()
    form = found.container
    while form is not None:
        left, bottom, right, top = form.get_matrix().on_rect(left, bottom, right, top)
        form = form.container
    return Box(left, height - top, right, height - bottom)


def _content_id(found: Any) -> int | None:
    number = raw.FPDFPageObj_GetMarkedContentID(found)
    return None if number < 0 else number


def _marks(found: Any) -> list[str]:
    """Return the names of the marked-content sequences that an object is in."""
    names = []
    for index in range(raw.FPDFPageObj_CountMarks(found)):
        mark = raw.FPDFPageObj_GetMark(found, index)
        length = ctypes.c_ulong()
        raw.FPDFPageObjMark_GetName(mark, None, 0, length)
        buffer = ctypes.create_string_buffer(length.value)
        into = ctypes.cast(buffer, ctypes.POINTER(raw.FPDF_WCHAR))
        raw.FPDFPageObjMark_GetName(mark, into, length.value, length)
        names.append(buffer.raw.decode("utf-16-le").rstrip("\0"))
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
