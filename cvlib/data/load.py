"""A dataset by its spec: is it here, what exactly is it, and its images in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cvlib.data.arrays import DataError, DataUnavailable, ImageData, Split, UnreadableImage
from cvlib.data.fingerprint import cache_rows, cached_fingerprint
from cvlib.data.providers import ensure_local
from cvlib.data.selection import lacking, select
from cvlib.data.sources import PixelItems, Source, SourceSplit, open_source
from cvlib.data.spec import DatasetSpec

__all__ = ["DataError", "DataUnavailable", "fetch", "fingerprint", "load"]


def fetch(spec: DatasetSpec, root: Path) -> Source:
    """Put the data on disk if they are not, and check them. Raises DataUnavailable, DataError."""
    source = open_source(spec.name, root)
    ensure_local(source)
    source.verify()
    return source


def fingerprint(spec: DatasetSpec, root: Path) -> str:
    """Return the sha256 (64 hex digits) of what a spec uses, without decoding an image.

    For every used image of every split, in order: the sha256 of its source bytes, and its label;
    and the class names. Fetches nothing: raises DataUnavailable if the data are not on disk.
    """
    source = open_source(spec.name, root)
    if missing := source.missing():
        raise DataUnavailable(f"{spec.name} is not on disk ({', '.join(missing)} missing)")
    return cached_fingerprint(source, spec).value


def load(spec: DatasetSpec, root: Path) -> ImageData:
    """Return the images of a spec, fetched, checked, decoded and resized as needed.

    Images that cannot be decoded are left out and listed in `unreadable`. Raises DataUnavailable
    with every attempt to get the data, DataError if they do not fit the spec.
    """
    source = fetch(spec, root)
    listing = source.listing()
    parts = select(listing, spec)
    found = cached_fingerprint(source, spec)

    splits: dict[str, Split] = {}
    unreadable: dict[int, UnreadableImage] = {}
    as_stored = all(_as_stored(split, spec) for split in listing.splits.values())
    if as_stored:
        for split, part in parts.items():
            content = listing.splits[part.source]
            assert isinstance(content.items, PixelItems)
            splits[split] = _chosen(content, part.ids, content.items.images[part.ids])
    else:
        # Pillow is loaded only for images that need it.
        from cvlib.data.decode import decoded_images

        rows = cache_rows(parts)
        first_row = dict(zip(rows, np.cumsum([0, *map(len, rows.values())]).tolist(), strict=False))
        images, unreadable = decoded_images(listing, rows, spec, found.content, root)
        for split, part in parts.items():
            at = first_row[part.source] + np.searchsorted(rows[part.source], part.ids)
            readable = ~np.isin(at, np.array(list(unreadable), dtype=np.int64))
            content = listing.splits[part.source]
            splits[split] = _chosen(content, part.ids[readable], images[at[readable]])

    for split, chosen in splits.items():
        if empty := lacking(listing.class_names, chosen.labels):
            raise DataError(
                f"{spec.name}: no image of {empty} in {split} can be read. Replace the files that "
                "`cvlib data` lists as unreadable, or add images."
            )
    return ImageData(
        **splits,
        class_names=listing.class_names,
        fingerprint=found.value,
        unreadable=tuple(unreadable[row] for row in sorted(unreadable)),
        equal_pictures=found.equal_pictures,
        decoded=not as_stored,
    )


def _as_stored(split: SourceSplit, spec: DatasetSpec) -> bool:
    """Whether a split's images are pixels of the size and kind that the spec asks for."""
    if not isinstance(split.items, PixelItems):
        return False
    height, width, channels = split.items.images.shape[1:]
    return (spec.image_size is None or height == width == spec.image_size) and (
        spec.channels is None or channels == spec.channels
    )


def _chosen(content: SourceSplit, ids: np.ndarray, images: np.ndarray) -> Split:
    return Split(images, content.labels[ids], ids, [content.names[i] for i in ids.tolist()])
