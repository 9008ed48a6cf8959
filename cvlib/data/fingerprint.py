"""What exactly a spec uses, as a checksum of the images' own bytes. Loads no torch."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cvlib.data.arrays import Undecodable
from cvlib.data.notes import files_state, remembered
from cvlib.data.sources import Listing, Source, open_source
from cvlib.data.spec import DatasetSpec

if TYPE_CHECKING:
    import numpy as np

    from cvlib.data.selection import Part

FORMAT = 1  # raise it when the definition below changes
# Fields that change how images are shown to the model, not which images are used.
_NOT_SELECTING = {"image_size", "channels"}


class Fingerprint(NamedTuple):
    """value: the data's fingerprint; content: the images' alone, in the order of the cache rows.

    equal_pictures: how many `equal_pictures` finds of either kind, as in `ImageData`.
    """

    value: str
    content: str
    equal_pictures: dict[str, int]


def local_fingerprint(spec: DatasetSpec, root: Path) -> str | None:
    """Return the fingerprint of data that are on disk, None where they are not; fetches nothing."""
    source = open_source(spec.name, root)
    return None if source.missing() else cached_fingerprint(source, spec).value


def cache_rows(parts: dict[str, Part]) -> dict[str, np.ndarray]:
    """Return the used positions of each split of the source, sorted: one row of the cache each."""
    import numpy as np

    used: dict[str, list[np.ndarray]] = {}
    for part in parts.values():
        used.setdefault(part.source, []).append(part.ids)
    return {source: np.unique(np.concatenate(ids)) for source, ids in sorted(used.items())}


def cached_fingerprint(source: Source, spec: DatasetSpec) -> Fingerprint:
    """Return the fingerprint, from the cache if no source file's size or times changed since.

    Raises DataError if the spec does not fit the data.
    """
    found = remembered(
        fingerprint_note(source, spec),
        lambda: files_state(source.files()),
        lambda: compute_fingerprint(source, spec)._asdict(),
    )
    return Fingerprint(**found)


def fingerprint_note(source: Source, spec: DatasetSpec) -> Path:
    """Where `cached_fingerprint` keeps what it found."""
    fields = spec.model_dump(mode="json", exclude=_NOT_SELECTING, exclude_none=True)
    # Where the files lie is part of the question, never of the answer.
    question = json.dumps([FORMAT, fields, str(source.root.absolute())], sort_keys=True)
    name = f"{hashlib.sha256(question.encode()).hexdigest()[:32]}.sealed"
    return source.root / ".cache" / "fingerprints" / name


def compute_fingerprint(source: Source, spec: DatasetSpec) -> Fingerprint:
    """Hash the class names, and for each split every used image in order: sha256 of bytes, label."""
    import numpy as np

    from cvlib.data.selection import select

    listing = source.listing()
    parts = select(listing, spec)
    rows = cache_rows(parts)
    content = hashlib.sha256()
    digests = {}
    for name, ids in rows.items():
        digests[name] = _digests(listing, name, ids)
        content.update(f"{name}:{len(ids)};".encode() + digests[name].tobytes())

    value = hashlib.sha256()
    header = {"format": FORMAT, "class_names": listing.class_names}
    value.update(json.dumps(header, sort_keys=True).encode())
    for split, part in parts.items():
        # One record for each image: 32 bytes of digest, 8 of label, little-endian.
        record = np.empty((len(part.ids), 40), dtype=np.uint8)
        at = np.searchsorted(rows[part.source], part.ids)
        record[:, :32] = digests[part.source][at]
        labels = listing.splits[part.source].labels[part.ids].astype("<i8")
        record[:, 32:] = labels[:, None].view(np.uint8)
        value.update(f"{split}:{len(part.ids)};".encode() + record.tobytes())
    pairs = equal_pictures(listing, parts, digests)
    counts = {kind: len(found) for kind, found in pairs.items() if found}
    return Fingerprint(value.hexdigest(), content.hexdigest(), counts)


def _digests(listing: Listing, split: str, ids: np.ndarray) -> np.ndarray:
    """sha256 of the source bytes of images of a source's split: (N, 32) uint8."""
    import numpy as np

    joined = b"".join(
        # An image that cannot be read is left out of the run; that too is part of what is used.
        hashlib.sha256(b"no bytes" if isinstance(data, Undecodable) else data).digest()
        for data in listing.splits[split].items.read(ids)
    )
    return np.frombuffer(joined, dtype=np.uint8).reshape(-1, 32)


def equal_pictures(
    listing: Listing, parts: dict[str, Part], digests: dict[str, np.ndarray] | None = None
) -> dict[str, list[tuple[str, str]]]:
    """Name the pictures that have the same bytes as another one where that spoils a result.

    digests: sha256 of each picture of `cache_rows`, if they are known. Returns test_in_train
    (a picture of test, one of train or val) and in_two_classes (a picture, one of another class).
    """
    import numpy as np

    rows = cache_rows(parts)
    digests = digests or {name: _digests(listing, name, ids) for name, ids in rows.items()}
    groups: dict[bytes, list[tuple[str, str, int]]] = {}  # digest -> split, name and label of each
    for split, part in parts.items():
        content = listing.splits[part.source]
        each = digests[part.source][np.searchsorted(rows[part.source], part.ids)]
        for position, digest in zip(part.ids.tolist(), each, strict=True):
            one = (split, content.names[position], int(content.labels[position]))
            groups.setdefault(digest.tobytes(), []).append(one)
    for nothing in (b"", b"no bytes"):
        groups.pop(hashlib.sha256(nothing).digest(), None)
    leaks, conflicts = [], []
    for members in groups.values():  # train before val before test
        _, first, label = members[0]
        leaks += [(n, first) for s, n, _ in members if s == "test" and members[0][0] != "test"]
        conflicts += [(name, first) for _, name, other in members if other != label]
    return {"test_in_train": leaks, "in_two_classes": conflicts}
