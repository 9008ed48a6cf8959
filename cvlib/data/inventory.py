"""A dataset described for people, as plain data: what `cvlib data` prints."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from cvlib.data.errors import DataError
from cvlib.data.fingerprint import cache_rows, cached_fingerprint
from cvlib.data.load import load
from cvlib.data.selection import select
from cvlib.data.sources.base import Source
from cvlib.data.sources.registry import open_source
from cvlib.data.spec import DatasetSpec


def describe(spec: DatasetSpec, root: Path) -> dict[str, Any]:
    """Return what is known about a dataset, without fetching anything.

    Always: name, local, where. Not local: missing, by_hand. Local: classes (names), counts (split
    -> class -> images), source_sizes ("28×28", or smallest and largest), image_shape (H, W, C as
    trained on), fingerprint, unreadable and ignored ([{name, reason}]). problem: why the spec does
    not fit the data, if it does not; then what could not be found out is missing.
    """
    source = open_source(spec.name, root)
    missing = source.missing()
    found: dict[str, Any] = {"name": spec.name, "local": not missing, "where": _where(source)}
    if missing:
        return found | {"missing": missing, "by_hand": source.by_hand()}
    try:
        listing = source.listing()
        found["classes"] = list(listing.class_names)
        found["ignored"] = [{"name": name, "reason": why} for name, why in listing.ignored]
        parts = select(listing, spec)
        rows = cache_rows(parts)
        found["counts"] = {
            split: _by_class(listing.splits[part.source].labels[part.ids], listing.class_names)
            for split, part in parts.items()
        }
        found["fingerprint"] = cached_fingerprint(source, spec, listing, parts).value

        from cvlib.data.decode import Header
        from cvlib.data.decode_many import read_headers

        headers = [h for h in read_headers(listing, rows) if isinstance(h, Header)]
        found["source_sizes"] = _sizes([(h.width, h.height) for h in headers])
        data = load(spec, root)
        for split in ("train", "val", "test"):
            content = getattr(data, split)
            found["counts"][split] = _by_class(content.labels, data.class_names)
        found["image_shape"] = list(data.train.images.shape[1:])
        found["unreadable"] = [{"name": u.name, "reason": u.reason} for u in data.unreadable]
    except DataError as error:
        found["problem"] = str(error)
    return found


def _where(source: Source) -> str:
    """Return the folder of the source's files, relative to the project if it lies in it."""
    files = [] if source.missing() else source.files()
    if not files:
        return str(source.root)
    folder = Path(os.path.commonpath([path.absolute().parent for path in files]))
    project = source.root.absolute().parent
    return str(folder.relative_to(project)) if folder.is_relative_to(project) else str(folder)


def _by_class(labels: np.ndarray, class_names: tuple[str, ...]) -> dict[str, int]:
    counts = np.bincount(labels, minlength=len(class_names)).tolist()
    return dict(zip(class_names, counts, strict=True))


def _sizes(sizes: list[tuple[int, int]]) -> str:
    if not sizes:
        return "none readable"
    small, large = min(sizes, key=np.prod), max(sizes, key=np.prod)
    if len(set(sizes)) == 1:
        return f"{small[0]}×{small[1]}"
    return f"{small[0]}×{small[1]} to {large[0]}×{large[1]}"
