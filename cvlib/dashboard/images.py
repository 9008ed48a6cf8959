"""The test images as files that a browser can show.

Files of the user's own folder are used where they are. Arrays, and formats that no browser shows,
are written once as PNG below `data/.cache/dashboard/`, each file complete or absent.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cvlib.data.arrays import DataError
from cvlib.data.decode import Undecodable, decode, read_header
from cvlib.data.selection import select
from cvlib.data.sources import open_source
from cvlib.data.spec import DatasetSpec

SHOWN_BY_BROWSERS = frozenset((".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp"))
_HEADER_BYTES = 1 << 16


@dataclass(frozen=True, eq=False)
class ImageFiles:
    """N images on disk.

    paths: absolute; keys: what tells an image from every other of its dataset, the same wherever
    the dataset lies; sizes: (N, 2) height and width in pixels; labels: (N,) of the source.
    """

    paths: tuple[str, ...]
    keys: tuple[str, ...]
    names: tuple[str, ...]
    sizes: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]


def image_files(spec: DatasetSpec, ids: np.ndarray, root: Path) -> ImageFiles:
    """Files of the test images at positions `ids`, rising; root: the project's data folder.

    What is on disk is not fetched again. Raises DataError for an image that cannot be read.
    """
    listing = open_source(spec.name, root).listing()
    content = listing.splits[select(listing, spec)["test"].source]
    if len(ids) and ids[-1] >= len(content.labels):
        raise DataError(
            f"{spec.name} has {len(content.labels)} test images, none numbered {ids[-1]}"
        )
    names = tuple(content.names[position] for position in ids.tolist())
    folder = root / ".cache" / "dashboard" / hashlib.sha256(spec.name.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    with os.scandir(folder) as entries:
        # a file without content is what a machine that lost power leaves of one just renamed
        there = {entry.name for entry in entries if entry.stat().st_size}
    items: Any = content.items
    stored = getattr(items, "images", getattr(items, "paths", None))  # of pixels, of files
    found = items.read(ids) if stored is None else (stored[position] for position in ids)
    paths, keys, sizes = [], [], []
    for position, name, item in zip(ids.tolist(), names, found, strict=True):
        is_file = isinstance(item, Path)
        in_place = is_file and item.suffix.lower() in SHOWN_BY_BROWSERS
        pixels = item if in_place or isinstance(item, np.ndarray) else _pixels(item, name)
        # Content is compared by the runs' fingerprint; of a file name and length are enough here.
        sign = item.stat().st_size if is_file else hashlib.sha256(pixels.tobytes()).hexdigest()[:16]
        key = f"{name}:{sign}"
        keys.append(key)
        paths.append(
            str(item.absolute()) if in_place else _written(pixels, key, position, folder, there)
        )
        sizes.append(_size(item, name) if in_place else pixels.shape[:2])
    return ImageFiles(
        paths=tuple(paths),
        keys=tuple(keys),
        names=names,
        sizes=np.array(sizes, dtype=np.int64).reshape(-1, 2),
        labels=content.labels[ids],
        class_names=listing.class_names,
    )


def _size(path: Path, name: str) -> tuple[int, int]:
    """Height and width as displayed; most headers lie in a file's first bytes."""
    with _readable(name), path.open("rb") as file:
        start = file.read(_HEADER_BYTES)
        try:
            header = read_header(start)
        except Undecodable:
            header = read_header(start + file.read())
    return header.height, header.width


def _pixels(data: Path | bytes | memoryview | Undecodable, name: str) -> np.ndarray:
    with _readable(name):
        if isinstance(data, Undecodable):
            raise data
        return decode(data.read_bytes() if isinstance(data, Path) else data, None, 3)


@contextmanager
def _readable(name: str) -> Iterator[None]:
    try:
        yield
    except Undecodable as error:
        raise DataError(f"{name} cannot be read: {error}") from error


def _written(pixels: np.ndarray, key: str, position: int, folder: Path, there: set[str]) -> str:
    """Path of the image's PNG, written if it is not there."""
    name = f"{position}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.png"
    path = folder / name
    if name not in there:
        staged = folder / f".{name}.{os.getpid()}"
        grey = pixels.shape[-1] == 1
        image = Image.fromarray(np.ascontiguousarray(pixels[..., 0] if grey else pixels))
        image.save(staged, "PNG", compress_level=1)
        staged.replace(path)
    return str(path.absolute())
