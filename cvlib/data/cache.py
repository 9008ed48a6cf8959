"""Images decoded and resized once: uint8 arrays on disk, complete or absent."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock

from cvlib.data.arrays import UnreadableImage
from cvlib.data.decode import PROTOCOL, Header, Undecodable
from cvlib.data.decode_many import decode_all, read_headers
from cvlib.data.errors import DataError
from cvlib.data.sources.base import Listing
from cvlib.data.spec import DatasetSpec


@dataclass(frozen=True)
class Decoded:
    """images: (N, H, W, C) uint8 memory map; unreadable: row -> why it is all zero."""

    images: np.ndarray
    unreadable: dict[int, UnreadableImage]


def decoded_images(
    listing: Listing, rows: dict[str, np.ndarray], spec: DatasetSpec, content: str, root: Path
) -> Decoded:
    """Return the images of all `rows` (source split -> positions), one split after the other.

    content: checksum of the images' bytes in that order; with the size and the way of resizing it
    is the cache's key. Raises DataError if image_size is needed, or if no image can be read.
    """
    wanted = json.dumps([content, spec.image_size, spec.channels, PROTOCOL])
    folder = root / ".cache" / "images" / hashlib.sha256(wanted.encode()).hexdigest()[:32]
    if not folder.is_dir():
        locks = root / ".cache" / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        with FileLock(locks / f"images-{folder.name}.lock"):
            if not folder.is_dir():
                _write(folder, listing, rows, spec)
    unreadable = json.loads((folder / "unreadable.json").read_text())
    return Decoded(
        images=np.load(folder / "images.npy", mmap_mode="r"),
        unreadable={row: UnreadableImage(name, reason) for row, name, reason in unreadable},
    )


def _write(folder: Path, listing: Listing, rows: dict[str, np.ndarray], spec: DatasetSpec) -> None:
    staged = folder.with_name(f".staged-{folder.name}")
    shutil.rmtree(staged, ignore_errors=True)  # what a killed process left; the lock is ours
    staged.mkdir(parents=True)
    try:
        names = [listing.splits[s].names[i] for s, ids in rows.items() for i in ids.tolist()]
        (height, width), channels = _target(listing, rows, spec, names)
        shape = (len(names), height, width, channels)
        images = np.lib.format.open_memmap(
            staged / "images.npy", mode="w+", dtype=np.uint8, shape=shape
        )
        unreadable = []
        for row, array in enumerate(decode_all(listing, rows, spec.image_size, channels)):
            if isinstance(array, Undecodable):
                unreadable.append((row, names[row], str(array)))
            elif array.shape != shape[1:]:
                raise _sizes_vary(spec, (width, height), array.shape[1::-1], names[row])
            else:
                images[row] = array
        images.flush()
        del images
        (staged / "unreadable.json").write_text(json.dumps(unreadable))
        staged.rename(folder)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _target(
    listing: Listing,
    rows: dict[str, np.ndarray],
    spec: DatasetSpec,
    names: list[str],
) -> tuple[tuple[int, int], int]:
    """Return (height, width) and channels, from all headers where the spec leaves them open."""
    if spec.image_size is not None and spec.channels is not None:
        return (spec.image_size, spec.image_size), spec.channels
    headers = [
        (name, header)
        for name, header in zip(names, read_headers(listing, rows), strict=True)
        if isinstance(header, Header)
    ]
    if not headers:
        raise DataError(f"{spec.name}: none of the {len(names)} images can be read")
    channels = spec.channels or (1 if all(header.grey for _, header in headers) else 3)
    if spec.image_size is not None:
        return (spec.image_size, spec.image_size), channels
    first = (headers[0][1].width, headers[0][1].height)
    for name, header in headers:
        if (header.width, header.height) != first:
            raise _sizes_vary(spec, first, (header.width, header.height), name)
    return first[::-1], channels


def _sizes_vary(
    spec: DatasetSpec, first: tuple[int, ...], other: tuple[int, ...], name: str
) -> DataError:
    return DataError(
        f"{spec.name} has images of different sizes (the first is {first[0]}×{first[1]}, {name!r} "
        f"is {other[0]}×{other[1]}), so image_size must say to which side they are resized, for "
        "example image_size: 96"
    )
