"""A dataset by its spec: is it here, what exactly is it, and its images in memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cvlib.data.arrays import ImageData, NumberedNames, Split, UnreadableImage
from cvlib.data.errors import DataError, DataUnavailable
from cvlib.data.fingerprint import cache_rows, cached_fingerprint
from cvlib.data.providers import ensure_local
from cvlib.data.selection import Part, select
from cvlib.data.sources.base import Listing, PixelItems
from cvlib.data.sources.registry import open_source
from cvlib.data.spec import DatasetSpec

__all__ = ["DataError", "DataUnavailable", "fetch", "fingerprint", "is_local", "load"]


def is_local(spec: DatasetSpec, root: Path) -> bool:
    """Return whether the data are on disk; root: the project's data folder."""
    return not open_source(spec.name, root).missing()


def fetch(spec: DatasetSpec, root: Path) -> None:
    """Put the data on disk if they are not, and check them. Raises DataUnavailable, DataError."""
    source = open_source(spec.name, root)
    ensure_local(source)
    source.verify()


def fingerprint(spec: DatasetSpec, root: Path) -> str:
    """Return the sha256 (64 hex digits) of what a spec uses, without decoding an image.

    For every used image of every split, in order: the sha256 of its source bytes, and its label;
    and the class names. Fetches nothing: raises DataUnavailable if the data are not on disk.
    """
    source = open_source(spec.name, root)
    missing = source.missing()
    if missing:
        raise DataUnavailable(f"{spec.name} is not on disk ({', '.join(missing)} missing)")
    return cached_fingerprint(source, spec).value


def load(spec: DatasetSpec, root: Path) -> ImageData:
    """Return the images of a spec, fetched, checked, decoded and resized as needed.

    Images that cannot be decoded are left out and listed in `unreadable`. Raises DataUnavailable
    with every attempt to get the data, DataError if they do not fit the spec.
    """
    source = open_source(spec.name, root)
    ensure_local(source)
    source.verify()
    listing = source.listing()
    parts = select(listing, spec)
    found = cached_fingerprint(source, spec, listing, parts)

    if _as_stored(listing, spec):
        splits = {split: _pixels(listing, part) for split, part in parts.items()}
        unreadable: tuple[UnreadableImage, ...] = ()
    else:
        splits, unreadable = _decoded(listing, parts, spec, found.content, root)
    for split, content in splits.items():
        _check_every_class(spec, split, content, listing.class_names)
    return ImageData(
        train=splits["train"],
        val=splits["val"],
        test=splits["test"],
        class_names=listing.class_names,
        fingerprint=found.value,
        unreadable=unreadable,
    )


def _as_stored(listing: Listing, spec: DatasetSpec) -> bool:
    for split in listing.splits.values():
        if not isinstance(split.items, PixelItems):
            return False
        height, width, channels = split.items.images.shape[1:]
        if spec.image_size is not None and (height, width) != (spec.image_size, spec.image_size):
            return False
        if spec.channels is not None and channels != spec.channels:
            return False
    return True


def _pixels(listing: Listing, part: Part) -> Split:
    content = listing.splits[part.source]
    assert isinstance(content.items, PixelItems)
    return Split(
        images=content.items.images[part.ids],
        labels=content.labels[part.ids],
        ids=part.ids,
        names=_names(content.names, part.ids),
    )


def _decoded(
    listing: Listing, parts: dict[str, Part], spec: DatasetSpec, content: str, root: Path
) -> tuple[dict[str, Split], tuple[UnreadableImage, ...]]:
    # Pillow is loaded only for images that need it.
    from cvlib.data.cache import decoded_images

    rows = cache_rows(parts)
    first_row = dict(zip(rows, np.cumsum([0, *map(len, rows.values())]).tolist(), strict=False))
    decoded = decoded_images(listing, rows, spec, content, root)
    splits = {}
    for split, part in parts.items():
        at = first_row[part.source] + np.searchsorted(rows[part.source], part.ids)
        readable = ~np.isin(at, np.array(list(decoded.unreadable), dtype=np.int64))
        ids = part.ids[readable]
        splits[split] = Split(
            images=decoded.images[at[readable]],
            labels=listing.splits[part.source].labels[ids],
            ids=ids,
            names=_names(listing.splits[part.source].names, ids),
        )
    return splits, tuple(decoded.unreadable[row] for row in sorted(decoded.unreadable))


def _names(names: Sequence[str], ids: np.ndarray) -> Sequence[str]:
    if isinstance(names, NumberedNames):
        return NumberedNames(names.prefix, names.ids[ids])
    return [names[position] for position in ids.tolist()]


def _check_every_class(
    spec: DatasetSpec, split: str, content: Split, class_names: tuple[str, ...]
) -> None:
    counts = np.bincount(content.labels, minlength=len(class_names))
    empty = [class_names[n] for n in np.flatnonzero(counts == 0)]
    if empty:
        raise DataError(
            f"{spec.name}: no image of {', '.join(map(repr, empty[:5]))} in {split} can be read. "
            "Replace the files that `cvlib data` lists as unreadable, or add images."
        )
