"""Picture files: their sizes, and what of their metadata stays; those that a chapter shows."""

from __future__ import annotations

import math
import os
import posixpath
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import unescape

from cvlib.engine.document import Document
from cvlib.engine.errors import Missing
from cvlib.engine.tree import elements_in

_INCHES_PER_METRE = 0.0254
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_TEXT = (b"tEXt", b"zTXt", b"iTXt", b"tIME")
_PNG_DESCRIPTION = b"Description\0"  # says what a picture shows, such as the runs of a figure

_SVG_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
_SVG_DESCRIPTION = re.compile(r"<dc:description>(.*?)</dc:description>", re.DOTALL)
_SVG_KEPT = """
 <metadata>
  <rdf:RDF xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:cc="http://creativecommons.org/ns#" \
xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
   <cc:Work>{description}</cc:Work>
  </rdf:RDF>
 </metadata>"""

# Figures are drawn for the printed page, with letters of 8 pt. So much larger, they are as wide on
# the screen as the text, and their letters as large as those of a caption.
PRINT_TO_SCREEN = 1.25
_PIXELS = {"": 1.0, "px": 1.0, "pt": 4 / 3, "in": 96.0, "cm": 96 / 2.54, "mm": 96 / 25.4}
_SVG = re.compile(rb"<svg\b[^>]*>")
_LENGTH = re.compile(rb'\b(width|height)\s*=\s*["\']\s*([\d.]+)\s*([a-z]*)\s*["\']')


def png_without_text(png: bytes) -> bytes:
    """Return the PNG without its text and time chunks (matplotlib writes its version there).

    A description stays.
    """
    if not png.startswith(_PNG_SIGNATURE):
        return png
    kept = [
        png[start:end]
        for kind, start, end in _chunks(png)
        if kind not in _PNG_TEXT or png[start + 8 : end].startswith(_PNG_DESCRIPTION)
    ]
    return _PNG_SIGNATURE + b"".join(kept)


def svg_without_metadata(svg: str) -> str:
    """Return the SVG without its date and the program's version; a description stays."""

    def kept(metadata: re.Match[str]) -> str:
        description = _SVG_DESCRIPTION.search(metadata.group(0))
        return _SVG_KEPT.format(description=description.group(0)) if description else ""

    return _SVG_METADATA.sub(kept, svg)


def picture_description(path: Path) -> str:
    """Return what a picture file says of its content; '' where it says nothing."""
    content = path.read_bytes()
    if path.suffix == ".svg":
        found = _SVG_DESCRIPTION.search(content.decode("utf-8"))
        return unescape(found.group(1)) if found else ""
    for kind, start, end in _chunks(content):
        if kind == b"tEXt" and content[start + 8 : end].startswith(_PNG_DESCRIPTION):
            return content[start + 8 + len(_PNG_DESCRIPTION) : end - 4].decode("latin-1")
    return ""


def retina_size(png: bytes, dpi: float) -> tuple[int, int] | None:
    """Return (width, height) in CSS pixels of a PNG drawn at twice `dpi`; None if it was not."""
    width = height = per_metre = 0
    for kind, start, end in _chunks(png):
        if kind == b"IHDR" and end - start >= 20:
            width, height = struct.unpack(">II", png[start + 8 : start + 16])
        elif kind == b"pHYs" and end - start >= 16:
            per_metre = struct.unpack(">I", png[start + 8 : start + 12])[0]
    if round(per_metre * _INCHES_PER_METRE) != 2 * dpi:
        return None
    # Half up, as Quarto rounds.
    return math.floor(width / 2 + 0.5), math.floor(height / 2 + 0.5)


def screen_size(path: Path) -> tuple[int, int] | None:
    """Return width and height in CSS pixels of an SVG on a screen; None for what has pixels."""
    if path.suffix != ".svg":
        return None
    tag = _SVG.search(path.read_bytes())
    sizes = {
        name.decode(): float(number) * _PIXELS[unit.decode()] * PRINT_TO_SCREEN
        for name, number, unit in _LENGTH.findall(tag.group() if tag else b"")
        if unit.decode() in _PIXELS
    }
    return (round(sizes["width"]), round(sizes["height"])) if len(sizes) == 2 else None


@dataclass(frozen=True)
class Picture:
    """`reference` as the markdown has it, `place` in the output, `path` of the file."""

    reference: str
    place: str
    path: Path


def pictures_of(document: Document, root: Path) -> Iterator[Picture]:
    """Yield the pictures of a chapter; one that is not there is noted."""
    folder = posixpath.dirname(document.file)
    for element in elements_in(document.blocks):
        if element["t"] != "Image":
            continue
        reference = element["c"][2][0]
        path = document.executed.path_of(reference, root)
        place = posixpath.normpath(posixpath.join(folder, reference)).lstrip("/")
        if reference.startswith(("http:", "https:", "data:", "//")):
            wrong = "is not a file of the project; save it beside the chapter"
            document.note(f"the picture {reference[:60]!r} {wrong}", reference)
        elif not os.path.isfile(path):  # noqa: PTH113  # Path's raises for what no file can be called
            missing = (
                f"the picture {reference!r} is not there (looked at {path}); "
                "if a cell made it, run the chapter again"
            )
            document.note(missing, reference, kind=Missing, what=reference)
        elif place.startswith(".."):
            wrong = "lies outside the project; copy it into it"
            document.note(f"the picture {reference!r} {wrong}", reference)
        else:
            yield Picture(reference, place, path)


def _chunks(png: bytes) -> Iterator[tuple[bytes, int, int]]:
    position = len(_PNG_SIGNATURE)
    while position + 8 <= len(png):
        (length,) = struct.unpack(">I", png[position : position + 4])
        end = position + 12 + length
        if end > len(png):  # it is cut off
            return
        yield png[position + 4 : position + 8], position, end
        position = end
