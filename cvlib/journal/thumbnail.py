"""A picture as a data URI for a web page, small in bytes."""

from __future__ import annotations

import base64
import io

import numpy as np

LONGEST = 96  # pixels
SMALL = 48  # shown with hard pixels, as PNG
_QUALITIES = (85, 75, 65, 55, 45, 35, 25)


def thumbnail(picture: np.ndarray, most_bytes: int) -> str:
    """A data URI of (H, W, C) uint8: PNG where the picture is small, else JPEG of so many bytes.

    The longest side is at most 96 pixels; JPEG's quality, then the size, is lowered until the
    file is small enough.
    """
    from PIL import Image

    image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    if max(image.size) <= SMALL:
        png = _file(image, "PNG", optimize=True)
        if len(png) <= most_bytes:
            return _uri("png", png)
    for longest in (LONGEST, 72, 48):
        smaller = image.copy()
        smaller.thumbnail((longest, longest), Image.Resampling.LANCZOS)
        for quality in _QUALITIES:
            jpeg = _file(smaller, "JPEG", quality=quality, optimize=True)
            if len(jpeg) <= most_bytes:
                return _uri("jpeg", jpeg)
    return _uri("jpeg", jpeg)


def is_small(picture: np.ndarray) -> bool:
    """Whether it has so few pixels that they are shown as squares."""
    return max(picture.shape[:2]) <= SMALL


def _file(image: object, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)  # type: ignore[attr-defined]
    return buffer.getvalue()


def _uri(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
