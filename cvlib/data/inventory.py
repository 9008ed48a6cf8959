"""A dataset described for people, as plain data and as text: what `cvlib data` prints."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from cvlib.data.arrays import DataError
from cvlib.data.fingerprint import cache_rows, cached_fingerprint, equal_pictures
from cvlib.data.load import load
from cvlib.data.selection import select
from cvlib.data.sources import Source, open_source
from cvlib.data.spec import DatasetSpec

SHOWN = 20  # names listed before the rest is only counted
_LISTED = {
    "test_in_train": "pictures of test that are in train or val, too, byte for byte: ",
    "in_two_classes": "pictures that are in another class, too, byte for byte: ",
    "alike": "class names that differ by upper and lower case alone: ",
    "unreadable": "",
    "ignored": "",
}


def describe(spec: DatasetSpec, root: Path) -> dict[str, Any]:
    """Return what is known about a dataset that is on disk. Raises DataError as its listing does.

    name, where, classes (names), ignored and unreadable ([{name, reason}]), counts (split -> class
    -> images), fingerprint, source_sizes ("28×28", or smallest and largest), image_shape (H, W, C
    as trained on), alike (class names that differ by case alone). Where there are any:
    test_in_train, in_two_classes (equal pictures). problem: why the spec does not fit the data;
    then what could not be found out is missing.
    """
    source = open_source(spec.name, root)
    found: dict[str, Any] = {"name": spec.name, "where": _where(source)}
    listing = source.listing()
    found["classes"] = list(listing.class_names)
    found["ignored"] = [{"name": name, "reason": why} for name, why in listing.ignored]
    try:
        parts = select(listing, spec)
        rows = cache_rows(parts)
        found["counts"] = {
            split: _by_class(listing.splits[part.source].labels[part.ids], listing.class_names)
            for split, part in parts.items()
        }
        known = cached_fingerprint(source, spec, listing, parts)
        found["fingerprint"] = known.value
        if known.equal_pictures:
            for kind, pairs in equal_pictures(listing, parts).items():
                found[kind] = [f"{one} = {other}" for one, other in pairs]
        folded = Counter(name.casefold() for name in listing.class_names)
        found["alike"] = [name for name in listing.class_names if folded[name.casefold()] > 1]

        from cvlib.data.decode import Header, read_headers

        headers = [h for h in read_headers(listing, rows) if isinstance(h, Header)]
        sizes = [(h.width, h.height) for h in headers]
        found["source_sizes"] = "none readable"
        if sizes:
            ends = [f"{w}×{h}" for w, h in (min(sizes, key=np.prod), max(sizes, key=np.prod))]
            found["source_sizes"] = ends[0] if len(set(sizes)) == 1 else " to ".join(ends)
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
    files = source.files()
    folder = Path(os.path.commonpath([path.absolute().parent for path in files]))
    project = source.root.absolute().parent
    return str(folder.relative_to(project)) if folder.is_relative_to(project) else str(folder)


def _by_class(labels: np.ndarray, class_names: tuple[str, ...]) -> dict[str, int]:
    counts = np.bincount(labels, minlength=len(class_names)).tolist()
    return dict(zip(class_names, counts, strict=True))


def inventory_text(found: dict[str, Any]) -> str:
    """Return what `describe` found, as lines for a terminal."""
    lines = [f"{found['name']}  ({found['where']})"]
    if "counts" in found:
        for split, by_class in found["counts"].items():
            counts = list(by_class.values())
            each = (
                f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)}-{max(counts)}"
            )
            lines.append(f"  {split:<12} {sum(counts):,} images, {each} a class")
    if "classes" in found:
        names = found["classes"]
        more = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        lines.append(f"  {'classes':<12} {len(names)}: {', '.join(names[:SHOWN])}{more}")
    if "source_sizes" in found:
        shape = found.get("image_shape")
        used = f", used as {shape[0]}×{shape[1]}×{shape[2]}" if shape else ""
        lines.append(f"  {'sizes':<12} {found['source_sizes']}{used}")
    if "fingerprint" in found:
        lines.append(f"  {'fingerprint':<12} {found['fingerprint'][:16]}…")
    for kind, words in _LISTED.items():
        listed = found.get(kind) or []
        if listed:
            head = kind if not words else "warning"
            lines.append(f"  {head:<12} {words}{len(listed)}")
            for item in listed[:SHOWN]:
                line = item if isinstance(item, str) else f"{item['name']}: {item['reason']}"
                lines.append(f"    {line}")
            if len(listed) > SHOWN:
                lines.append(f"    and {len(listed) - SHOWN} more")
    if "problem" in found:
        lines.append(f"  {'problem':<12} {found['problem']}")
    # a file's name may hold anything: nothing of it reaches a terminal raw
    return "\n".join(
        "".join(c if c.isprintable() else repr(c)[1:-1] for c in line) for line in lines
    )
