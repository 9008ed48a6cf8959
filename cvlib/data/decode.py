"""Encoded images of any mode -> 8-bit grey or RGB, upright, opaque.

A dataset's images are decoded and resized once: uint8 values in a sealed file.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeVar

import numpy as np
from filelock import FileLock
from PIL import Image, ImageOps

from cvlib.data.arrays import DataError, Undecodable, UnreadableImage
from cvlib.data.sources import Listing, PixelItems
from cvlib.data.spec import DatasetSpec
from cvlib.files import DamagedFile, open_sealed, write_sealed

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")

# Version of everything below that decides pixels; part of the cache's key.
PROTOCOL = "fit-bicubic-1"

# Decoded, 64 megapixels are 200 MB. A JPEG can be decoded at 1/2, 1/4 or 1/8 of its side, so that
# larger ones are read as well, up to the second limit (a file of that size takes a minute).
MAX_DECODED_PIXELS = 64_000_000
MAX_JPEG_PIXELS = 1_000_000_000
_DARK = 64  # of 255: no picture of a set with 16 bits has a value over 14
_WAITING = 64  # encoded images in memory at a time

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


class Header(NamedTuple):
    """What a file says about its image: pixels as displayed, and whether it is grey."""

    width: int
    height: int
    grey: bool


@contextmanager
def own_size_limit() -> Iterator[None]:
    """Let `decode` apply its own limits: Pillow's refuses to open what a JPEG could reduce.

    Nor does Pillow say by itself, and without a name, what is strange in a file.
    """
    limit = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="PIL")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def read_header(data: bytes | memoryview) -> Header:
    """Return size and kind without decoding pixels. Raises Undecodable."""
    with _opened(data) as image:
        width, height = image.size
        if _orientation(image) >= 5:
            width, height = height, width
        return Header(width, height, _is_grey(image))


def decode(
    data: bytes | memoryview, size: int | None, channels: int, deep: list[int] | None = None
) -> np.ndarray:
    """Decode one image: first frame, EXIF orientation applied, transparency on white.

    size: side of the square, cut from the centre and resized (bicubic, antialiased); None keeps
    the image's own size. deep: gets the largest 8-bit value of an image that is stored with 16.
    Returns (H, W, channels) uint8. Raises Undecodable.
    """
    with _opened(data) as image:
        width, height = image.size
        has_16_bits = image.mode.startswith("I") or ";16" in str(getattr(image, "tile", ""))
        is_jpeg = image.format in ("JPEG", "MPO")
        if size is not None and is_jpeg and width * height <= MAX_JPEG_PIXELS:
            # At least twice the wanted side is kept, for a resize as good as from full size.
            image.draft(None, (2 * size, 2 * size))
        if image.size[0] * image.size[1] > MAX_DECODED_PIXELS:
            raise Undecodable(
                f"{width}×{height} is {width * height / 1e6:.0f} megapixels, over the limit of "
                f"{MAX_DECODED_PIXELS / 1e6:.0f}; save a smaller copy"
            )
        orientation = _orientation(image)
        image = to_8_bit(image)
        if has_16_bits and deep is not None:
            deep.append(int(np.asarray(image).max()))
        return _finish(image, orientation, size, channels)


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


def _is_grey(image: Image.Image) -> bool:
    return image.mode in _GREY_MODES or image.mode.startswith("I;16")


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # damaged EXIF does not make the picture unreadable
        return 1
    return value if value in _UPRIGHT else 1


@contextmanager
def _opened(data: bytes | memoryview) -> Iterator[Image.Image]:
    """Open an image; whatever Pillow's decoders raise is turned into a reason."""
    try:
        if not data:
            raise Undecodable("the file is empty")
        with Image.open(io.BytesIO(data)) as image:
            if image.format in ("EPS", "WMF"):
                raise Undecodable(f"{image.format} is a program that draws, not a picture")
            yield image
    except Undecodable:
        raise
    except Image.UnidentifiedImageError:
        raise Undecodable("no image format that Pillow knows") from None
    except Exception as error:  # decoders of damaged files raise almost anything
        raise Undecodable(f"{type(error).__name__}: {error}") from error


def read_headers(listing: Listing, rows: dict[str, np.ndarray]) -> Iterator[Header | Undecodable]:
    """Yield the header of each row's image (source split -> positions), split after split."""

    return _in_order(
        listing,
        rows,
        lambda pixels: Header(pixels.shape[1], pixels.shape[0], pixels.shape[2] == 1),
        read_header,
    )


def decode_all(
    listing: Listing,
    rows: dict[str, np.ndarray],
    size: int | None,
    channels: int,
    deep: list[int] | None = None,
) -> Iterator[np.ndarray | Undecodable]:
    """Yield each row's pixels, (H, W, channels) uint8, or why there are none; deep: as `decode`."""
    return _in_order(
        listing,
        rows,
        partial(resize_pixels, size=size, channels=channels),
        partial(decode, size=size, channels=channels, deep=deep),
    )


def _in_order(
    listing: Listing,
    rows: dict[str, np.ndarray],
    of_pixels: Callable[[np.ndarray], _Result],
    of_bytes: Callable[[bytes | memoryview], _Result],
) -> Iterator[_Result | Undecodable]:
    """Yield what becomes of each row's image, by a few threads: Pillow works outside Python's lock.

    Like a pool's map, but with a bounded number of encoded images in memory.
    """

    def one(data: bytes | memoryview | Undecodable) -> _Result | Undecodable:
        try:
            return data if isinstance(data, Undecodable) else of_bytes(data)
        except Undecodable as error:
            return error

    for split, ids in rows.items():
        items = listing.splits[split].items
        if isinstance(items, PixelItems):
            yield from (of_pixels(items.images[i]) for i in ids.tolist())
            continue
        waiting: deque[Future[_Result | Undecodable]] = deque()
        with own_size_limit(), ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            for item in items.read(ids):
                waiting.append(pool.submit(one, item))
                if len(waiting) >= _WAITING:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()


def cache_file(root: Path, content: str, spec: DatasetSpec) -> Path:
    """Where the decoded images of this content are kept."""
    wanted = json.dumps([content, spec.image_size, spec.channels, PROTOCOL])
    return root / ".cache" / "images" / f"{hashlib.sha256(wanted.encode()).hexdigest()[:32]}.sealed"


def decoded_images(
    listing: Listing, rows: dict[str, np.ndarray], spec: DatasetSpec, content: str, root: Path
) -> tuple[np.ndarray, dict[int, UnreadableImage]]:
    """Return the images of all `rows` (source split -> positions), one split after the other.

    content: checksum of the images' bytes in that order; with the size and the way of resizing it
    is the cache's key. Returns a memory map (N, H, W, C) uint8, and by row why an image is all
    zero. Raises DataError if image_size is needed, or if no image can be read.
    """
    path = cache_file(root, content, spec)
    with suppress(FileNotFoundError, DamagedFile):
        return _read(path)
    locks = root / ".cache" / "locks"
    for folder in (locks, path.parent):
        folder.mkdir(parents=True, exist_ok=True)
    with FileLock(locks / f"images-{path.stem}.lock"):
        try:
            return _read(path)  # another process made it meanwhile
        except FileNotFoundError:
            pass
        except DamagedFile as error:
            _log.warning("%s; its images are decoded anew", error)
        write_sealed(path, partial(_write, listing=listing, rows=rows, spec=spec))
    return _read(path)


def _read(path: Path) -> tuple[np.ndarray, dict[int, UnreadableImage]]:
    """What `_write` wrote, checked whole."""
    with open_sealed(path) as file:
        np.lib.format.read_magic(file)
        shape, _, kind = np.lib.format.read_array_header_1_0(file)
        start = file.tell()
        images = np.memmap(file, kind, "r", start, shape)
        file.seek(start + images.nbytes)
        unreadable = json.load(file)
    return images, {row: UnreadableImage(name, reason) for row, name, reason in unreadable}


def _write(
    file: BinaryIO, listing: Listing, rows: dict[str, np.ndarray], spec: DatasetSpec
) -> None:
    """Write an array in numpy's format, then JSON: row, name and reason of what is unreadable."""
    names = [listing.splits[s].names[i] for s, ids in rows.items() for i in ids.tolist()]
    height = width = spec.image_size

    def sizes_vary(name: str, other_width: int, other_height: int) -> DataError:
        return DataError(
            f"{spec.name} has images of different sizes (the first is {width}×{height}, {name!r} "
            f"is {other_width}×{other_height}), so image_size must say to which side they are "
            "resized, for example image_size: 96"
        )

    channels: int | None = spec.channels
    if height is None or channels is None:
        # what the spec leaves open is decided by the headers of all images
        all_headers = zip(names, read_headers(listing, rows), strict=True)
        headers = [(name, h) for name, h in all_headers if isinstance(h, Header)]
        if not headers:
            raise DataError(f"{spec.name}: none of the {len(names)} images can be read")
        channels = spec.channels or (1 if all(header.grey for _, header in headers) else 3)
        if spec.image_size is None:
            width, height, _ = headers[0][1]
            for name, header in headers:
                if header[:2] != (width, height):
                    raise sizes_vary(name, *header[:2])

    assert height is not None and width is not None and channels is not None
    shape = (height, width, channels)
    fields = {"descr": "|u1", "fortran_order": False, "shape": (len(names), *shape)}
    np.lib.format.write_array_header_1_0(file, fields)
    unreadable = []
    deep: list[int] = []
    for row, array in enumerate(decode_all(listing, rows, spec.image_size, channels, deep)):
        if isinstance(array, Undecodable):
            unreadable.append((row, names[row], str(array)))
            array = np.zeros(shape, np.uint8)
        elif array.shape != shape:
            raise sizes_vary(names[row], array.shape[1], array.shape[0])
        file.write(np.ascontiguousarray(array).data)
    if 0 < max(deep, default=0) <= _DARK:
        raise DataError(
            f"{spec.name}: its pictures of 16 bits use a small part of that range (at most "
            f"{max(deep)} of 255 once it is divided into 256), as those of a 12-bit camera do, and "
            "would be all dark. Multiply them (12 bits: by 16), or save them with 8 bits."
        )
    file.write(json.dumps(unreadable).encode())
