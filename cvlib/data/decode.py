"""Encoded images of any mode -> 8-bit grey or RGB, upright, opaque."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

# Version of everything below that decides pixels; part of the cache's key.
PROTOCOL = "fit-bicubic-1"

# Decoded, 64 megapixels are 200 MB. A JPEG can be decoded at 1/2, 1/4 or 1/8 of its side, so that
# larger ones are read as well, up to the second limit (a file of that size takes a minute).
MAX_DECODED_PIXELS = 64_000_000
MAX_JPEG_PIXELS = 1_000_000_000

_GREY_MODES = ("1", "L", "LA", "La", "I", "F")
_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class Undecodable(Exception):
    """An image that cannot be used; the message is the reason."""


@dataclass(frozen=True)
class Header:
    """What a file says about its image: pixels as displayed, and whether it is grey."""

    width: int
    height: int
    grey: bool


@contextmanager
def own_size_limit() -> Iterator[None]:
    """Let `decode` apply its own limits: Pillow's refuses to open what a JPEG could reduce."""
    limit = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def read_header(data: bytes | memoryview) -> Header:
    """Return size and kind without decoding pixels. Raises Undecodable."""
    with _reasons(), _opened(data) as image:
        width, height = image.size
        if _orientation(image) >= 5:
            width, height = height, width
        return Header(width, height, _is_grey(image))


def decode(data: bytes | memoryview, size: int | None, channels: int) -> np.ndarray:
    """Decode one image: first frame, EXIF orientation applied, transparency on white.

    size: side of the square, cut from the centre and resized (bicubic, antialiased); None keeps
    the image's own size. Returns (H, W, channels) uint8. Raises Undecodable.
    """
    with _reasons(), _opened(data) as image:
        _limit_size(image, size)
        orientation = _orientation(image)
        return _finish(to_8_bit(image), orientation, size, channels)


def resize_pixels(pixels: np.ndarray, size: int | None, channels: int) -> np.ndarray:
    """The same for an image that is already pixels: (H, W, 1 or 3) uint8 -> (H, W, channels)."""
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    return _finish(image, 1, size, channels)


def to_8_bit(image: Image.Image) -> Image.Image:
    """Return the image in mode L or RGB. 16-bit grey is divided by 257; raises Undecodable."""
    if image.mode.startswith("I"):
        values = np.asarray(image)
        if values.size and not 0 <= values.min() <= values.max() <= 65535:
            raise Undecodable(
                f"grey values from {values.min()} to {values.max()} do not fit in 16 bits"
            )
        return Image.fromarray(np.rint(values.astype(np.float32) / 257).astype(np.uint8))
    if image.mode == "F":
        raise Undecodable("floating-point pixels have no fixed range; save it with 8 or 16 bits")
    if image.has_transparency_data:
        grey = _is_grey(image)
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, image).convert("L" if grey else "RGB")
    return image.convert("L" if _is_grey(image) else "RGB")


def _finish(image: Image.Image, orientation: int, size: int | None, channels: int) -> np.ndarray:
    if orientation in _UPRIGHT:
        image = image.transpose(_UPRIGHT[orientation])
    image = image.convert("L" if channels == 1 else "RGB")
    if size is not None and image.size != (size, size):
        image = ImageOps.fit(image, (size, size), method=Image.Resampling.BICUBIC)
    array = np.asarray(image)
    return array[..., None] if channels == 1 else array


def _opened(data: bytes | memoryview) -> Image.Image:
    if not data:
        raise Undecodable("the file is empty")
    return Image.open(io.BytesIO(data))


def _limit_size(image: Image.Image, size: int | None) -> None:
    width, height = image.size
    if size is not None and image.format in ("JPEG", "MPO") and width * height <= MAX_JPEG_PIXELS:
        # At least twice the wanted side is kept, for a resize as good as from full size.
        image.draft(None, (2 * size, 2 * size))
    if image.size[0] * image.size[1] > MAX_DECODED_PIXELS:
        raise Undecodable(
            f"{width}×{height} is {width * height / 1e6:.0f} megapixels, over the limit of "
            f"{MAX_DECODED_PIXELS / 1e6:.0f}; save a smaller copy"
        )


def _is_grey(image: Image.Image) -> bool:
    return image.mode in _GREY_MODES or image.mode.startswith("I;16")


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # damaged EXIF does not make the picture unreadable
        return 1
    return value if value in _UPRIGHT else 1


@contextmanager
def _reasons() -> Iterator[None]:
    """Turn whatever Pillow's decoders raise into a reason."""
    try:
        yield
    except Undecodable:
        raise
    except Image.UnidentifiedImageError:
        raise Undecodable("no image format that Pillow knows") from None
    except Exception as error:  # decoders of damaged files raise almost anything
        raise Undecodable(f"{type(error).__name__}: {error}") from error
