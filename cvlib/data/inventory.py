"""A dataset described for people: what `cvlib data` prints."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cvlib.data.arrays import DataError
from cvlib.data.fingerprint import cache_rows, cached_fingerprint, equal_pictures
from cvlib.data.load import load
from cvlib.data.selection import select
from cvlib.data.sources import Listing, open_source
from cvlib.data.spec import DatasetSpec

SHOWN = 20  # names listed before the rest is only counted
_EQUAL = {
    "test_in_train": "pictures of test that are in train or val, too, byte for byte",
    "in_two_classes": "pictures that are in another class, too, byte for byte",
}


def inventory(spec: DatasetSpec, root: Path) -> str:
    """Say what is in a dataset that is on disk, in lines for a terminal.

    Images and classes by split, sizes, fingerprint, equal pictures, what is unreadable or ignored;
    and last, as a problem, why the spec does not fit the data. Raises DataError as its listing does.
    """
    source, project = open_source(spec.name, root), root.absolute().parent
    folder = Path(os.path.commonpath([path.absolute().parent for path in source.files()]))
    where = folder.relative_to(project) if folder.is_relative_to(project) else folder
    lines = [f"{spec.name}  ({where})"]
    listing = source.listing()
    names = listing.class_names
    folded = Counter(name.casefold() for name in names)
    alike = [name for name in names if folded[name.casefold()] > 1]
    listed = {
        "class names that differ by upper and lower case alone": alike,
        "unreadable": [],
        "ignored": [f"{name}: {reason}" for name, reason in listing.ignored],
    }
    labels: dict[str, np.ndarray] = {}
    sizes = fingerprint = problem = ""
    try:
        parts = select(listing, spec)
        labels = {s: listing.splits[part.source].labels[part.ids] for s, part in parts.items()}
        known = cached_fingerprint(source, spec)
        fingerprint = f"{known.value[:16]}…"
        if known.equal_pictures:
            pairs = {_EQUAL[kind]: found for kind, found in equal_pictures(listing, parts).items()}
            of_pairs = {kind: [" = ".join(pair) for pair in found] for kind, found in pairs.items()}
            listed = of_pairs | listed
        sizes = _sizes(listing, cache_rows(parts))
        data = load(spec, root)
        labels = {split: getattr(data, split).labels for split in labels}
        sizes += f", used as {'×'.join(map(str, data.train.images.shape[1:]))}"
        listed["unreadable"] = [f"{image.name}: {image.reason}" for image in data.unreadable]
    except DataError as error:
        problem = str(error)

    rows = {}
    for split, each in labels.items():
        counts = np.bincount(each, minlength=len(names))
        ends = "-".join(map(str, sorted({counts.min(), counts.max()})))
        rows[split] = f"{len(each):,} images, {ends} a class"
    rows["classes"] = f"{len(names)}: {', '.join(names[:SHOWN])}"
    if len(names) > SHOWN:
        rows["classes"] += f", and {len(names) - SHOWN} more"
    rows |= {"sizes": sizes, "fingerprint": fingerprint}
    lines += [f"  {head:<12} {text}" for head, text in rows.items() if text]
    for kind, found in listed.items():
        lines += _list(kind, found)
    if problem:
        lines.append(f"  {'problem':<12} {problem}")
    # a file's name may hold anything: nothing of it reaches a terminal raw
    return "\n".join(
        "".join(c if c.isprintable() else repr(c)[1:-1] for c in line) for line in lines
    )


def _list(kind: str, found: Sequence[str]) -> list[str]:
    if not found:
        return []
    head = f"{kind:<12} " if " " not in kind else f"{'warning':<12} {kind}: "
    more = [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    return [f"  {head}{len(found)}", *(f"    {line}" for line in [*found[:SHOWN], *more])]


def _sizes(listing: Listing, rows: dict[str, np.ndarray]) -> str:
    """`28×28`, or the smallest and the largest."""
    from cvlib.data.decode import Header, read_headers

    headers = [h for h in read_headers(listing, rows) if isinstance(h, Header)]
    sizes = sorted({(h.width, h.height) for h in headers}, key=math.prod)
    ends = [f"{width}×{height}" for width, height in (sizes[:1] + sizes[1:][-1:])]
    return " to ".join(ends) or "none readable"
