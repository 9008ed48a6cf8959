"""PNG files: their size, and the text that makes equal pictures differ."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TEXT = (b"tEXt", b"zTXt", b"iTXt", b"tIME")
_DESCRIPTION = b"Description\0"  # says what a picture shows, such as the runs of a figure
_INCHES_PER_METRE = 0.0254


def without_text(png: bytes) -> bytes:
    """Return the PNG without its text and time chunks (matplotlib writes its version there).

    A description stays.
    """
    if not png.startswith(_SIGNATURE):
        return png
    kept = [
        png[start:end]
        for kind, start, end in _chunks(png)
        if kind not in _TEXT or png[start + 8 : end].startswith(_DESCRIPTION)
    ]
    return _SIGNATURE + b"".join(kept)


def description(png: bytes) -> str:
    """Return what the PNG says of its content; '' where it says nothing."""
    for kind, start, end in _chunks(png):
        if kind == b"tEXt" and png[start + 8 : end].startswith(_DESCRIPTION):
            return png[start + 8 + len(_DESCRIPTION) : end - 4].decode("latin-1")
    return ""


def retina_size(png: bytes, dpi: float) -> tuple[int, int] | None:
    """Return (width, height) in CSS pixels of a PNG drawn at twice `dpi`; None if it was not."""
    width = height = per_metre = 0
    for kind, start, _ in _chunks(png):
        if kind == b"IHDR":
            width, height = struct.unpack(">II", png[start + 8 : start + 16])
        elif kind == b"pHYs":
            per_metre = struct.unpack(">I", png[start + 8 : start + 12])[0]
    if round(per_metre * _INCHES_PER_METRE) != 2 * dpi:
        return None
    # Half up, as Quarto rounds.
    return math.floor(width / 2 + 0.5), math.floor(height / 2 + 0.5)


def _chunks(png: bytes) -> Iterator[tuple[bytes, int, int]]:
    position = len(_SIGNATURE)
    while position + 8 <= len(png):
        (length,) = struct.unpack(">I", png[position : position + 4])
        end = position + 12 + length
        yield png[position + 4 : position + 8], position, end
        position = end
