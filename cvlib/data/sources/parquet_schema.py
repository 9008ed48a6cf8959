"""Columns, class names and labels of a parquet file in the hub's layout."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cvlib.data.errors import DataError

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Columns:
    """Names of the two columns that matter, and of the classes (none if the schema has none)."""

    image: str
    label: str
    class_names: tuple[str, ...]


def read_columns(path: Path, name: str) -> Columns:
    """Find the image and label columns. Raises DataError naming the columns that there are."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{name}: {path.name} is no whole parquet file ({error})") from error
    metadata = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
    features = (metadata.get("info") or {}).get("features") or {}
    features = {column: f for column, f in features.items() if isinstance(f, dict)}
    images = [c for c in schema.names if features.get(c, {}).get("_type") == "Image"]
    images = [c for c in ("image", "img") if c in schema.names] or images
    class_labels = [c for c in schema.names if features.get(c, {}).get("_type") == "ClassLabel"]
    labels = ["label"] if "label" in schema.names else class_labels
    if len(images) != 1 or len(labels) != 1:
        raise DataError(
            f"{name}: {path.name} has the columns {schema.names}; expected one image column (image "
            f"or img; found {images}) and one label column (label, or the only ClassLabel; found "
            f"{labels})"
        )
    names = features.get(labels[0], {}).get("names") or ()
    return Columns(images[0], labels[0], tuple(map(str, names)))


def read_labels(path: Path, column: str) -> np.ndarray:
    """Return the labels as they are stored: numbers or names."""
    import pyarrow.parquet as pq

    values = pq.read_table(path, columns=[column])[column]
    if values.null_count:
        raise DataError(f"{path.name}: {values.null_count} rows have no {column}")
    labels: np.ndarray = values.to_numpy()
    return labels


def number_by_declared_names(
    name: str, split: str, raw: np.ndarray, class_names: tuple[str, ...]
) -> np.ndarray:
    """Return (N,) int64 positions in `class_names`, the names that the schema declares."""
    import numpy as np

    if raw.dtype.kind in "iu":
        if raw.size and not 0 <= raw.min() <= raw.max() < len(class_names):
            raise DataError(
                f"{name}: labels of {split} run from {raw.min()} to {raw.max()}, but there are "
                f"{len(class_names)} class names (-1 means that the test labels are kept secret)"
            )
        return raw.astype(np.int64)
    number = {class_name: n for n, class_name in enumerate(class_names)}
    unknown = {str(value) for value in raw} - set(number)
    if unknown:
        raise DataError(f"{name}: {split} has labels that are no class: {sorted(unknown)[:5]}")
    return np.array([number[str(value)] for value in raw], dtype=np.int64)


def number_by_occurrence(
    name: str, raw: dict[str, np.ndarray]
) -> tuple[tuple[str, ...], dict[str, np.ndarray]]:
    """Return class names and int64 labels where no names are declared: sorted labels of train."""
    import numpy as np

    values = np.unique(raw["train"])
    for split, labels in raw.items():
        found = np.unique(labels)
        if not np.array_equal(found, values):
            differ = sorted(set(found.tolist()) ^ set(values.tolist()), key=str)
            raise DataError(f"{name}: train and {split} have different labels: {differ[:5]}")
    names = tuple(str(value) for value in values.tolist())
    return names, {s: np.searchsorted(values, r).astype(np.int64) for s, r in raw.items()}
