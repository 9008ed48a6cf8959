"""Many images read or decoded by a few threads (Pillow works outside Python's lock)."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from cvlib.data.decode import (
    Header,
    Undecodable,
    decode,
    own_size_limit,
    read_header,
    resize_pixels,
)
from cvlib.data.sources.base import Listing, NoBytes, PixelItems

_Result = TypeVar("_Result")
_Data = bytes | memoryview | NoBytes
_WAITING = 64  # encoded images in memory at a time


def read_headers(listing: Listing, rows: dict[str, np.ndarray]) -> Iterator[Header | Undecodable]:
    """Yield the header of each row's image (source split -> positions), split after split."""
    for split, ids in rows.items():
        items = listing.splits[split].items
        if isinstance(items, PixelItems):
            height, width, channels = items.images.shape[1:]
            yield from (Header(width, height, channels == 1) for _ in ids)
        else:
            yield from _in_order(lambda data: _or_reason(read_header, data), items.read(ids))


def decode_all(
    listing: Listing, rows: dict[str, np.ndarray], size: int | None, channels: int
) -> Iterator[np.ndarray | Undecodable]:
    """Yield each row's pixels, (H, W, channels) uint8, or why there are none."""

    def decoded(data: bytes | memoryview) -> np.ndarray:
        return decode(data, size, channels)

    for split, ids in rows.items():
        items = listing.splits[split].items
        if isinstance(items, PixelItems):
            yield from (resize_pixels(items.images[i], size, channels) for i in ids.tolist())
        else:
            yield from _in_order(lambda data: _or_reason(decoded, data), items.read(ids))


def _or_reason(read: Callable[[bytes | memoryview], _Result], data: _Data) -> _Result | Undecodable:
    if isinstance(data, NoBytes):
        return Undecodable(data.reason)
    try:
        return read(data)
    except Undecodable as error:
        return error


def _in_order(work: Callable[[_Data], _Result], items: Iterable[_Data]) -> Iterator[_Result]:
    """Like a pool's map, but with a bounded number of items in memory."""
    waiting: deque[Future[_Result]] = deque()
    with own_size_limit(), ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= _WAITING:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
