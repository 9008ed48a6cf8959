"""Parquet files in the hub's column layout, such as `train-00000-of-00002.parquet`.

Columns: `image` or `img` (struct of `bytes` and `path`, or plain bytes) and `label`, or the only
ClassLabel column. Class names come from the `huggingface` metadata of the schema.
"""

from __future__ import annotations

import glob
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cvlib.data.arrays import DataError, Undecodable
from cvlib.data.sources import (
    PASSING,
    SPLIT_WORDS,
    Listing,
    Source,
    SourceSplit,
    dataset_path,
)

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class ParquetItems:
    """The image column of some files. starts: position of each file's first row."""

    files: tuple[Path, ...]
    starts: tuple[int, ...]
    column: str

    def read(self, ids: np.ndarray) -> Iterator[bytes | memoryview | Undecodable]:
        """Yield each row's encoded image, one row group in memory at a time; ids are ascending."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        read = 0
        for path, start in zip(self.files, self.starts, strict=True):
            with _whole(path), pq.ParquetFile(path) as file:
                for group in range(file.num_row_groups):
                    rows = file.metadata.row_group(group).num_rows
                    wanted = ids[(ids >= start) & (ids < start + rows)] - start
                    start += rows
                    if not len(wanted):
                        continue
                    column = file.read_row_group(group, columns=[self.column])[self.column]
                    found: list[bytes | None] = []
                    for chunk in column.take(wanted).chunks:
                        values = chunk.field("bytes") if pa.types.is_struct(chunk.type) else chunk
                        found += values.to_pylist()
                    if len(found) != len(wanted):
                        raise pa.ArrowInvalid(f"{len(found)} images where {len(wanted)} are")
                    read += len(found)
                    for content in found:
                        none = Undecodable("the row has no image bytes")
                        yield none if content is None else content
        if read != len(ids):
            raise DataError(f"{self.files[0].parent}: images and labels differ in number")


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    """Turn what pyarrow says of a damaged file into a DataError that names it."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if isinstance(error, OSError) and error.errno in PASSING:
            raise
        raise DataError(f"{path} is no whole parquet file ({error})") from error


class Parquet(Source):
    """`parquet:PATH`, a folder, a file, or a pattern such as `photos/*.parquet`."""

    def __init__(self, name: str, root: Path) -> None:
        super().__init__(name, root)
        self.path = dataset_path(name, root)
        self.by_hand = (
            f"put train-….parquet and test-….parquet (columns image and label) into {self.path}. "
            "A relative PATH starts at the project's folder."
        )

    def missing(self) -> list[str]:
        """Return the path, if no parquet file is there."""
        return [] if self.files() else [f"parquet files at {self.path}"]

    def files(self) -> list[Path]:
        """Return the parquet files: the one named, those that match, or all under the folder."""
        if self.path.is_dir():
            found = [p for p in self.path.rglob("*.parquet") if not p.name.startswith(".")]
        elif self.path.is_file():
            found = [self.path]
        else:
            # Path.glob takes no absolute pattern.
            found = [Path(p) for p in glob.glob(str(self.path), recursive=True)]  # noqa: PTH207
        return sorted(p for p in found if p.is_file())

    def listing(self) -> Listing:
        """Read labels and class names. Raises DataError for a layout that is not the hub's."""
        import numpy as np

        groups: dict[str, list[Path]] = {}
        for path in self.files():
            groups.setdefault(_split_of(path, self.path), []).append(path)
        unnamed = groups.pop("", [])
        if not groups:
            groups, unnamed = {"train": unnamed}, []
        if "train" not in groups:
            raise DataError(
                f"{self.name} has files for {', '.join(sorted(groups))} but none for train; name "
                "them train-….parquet"
            )
        self._check_one_configuration(groups)
        with _whole(groups["train"][0]):
            columns = read_columns(groups["train"][0], self.name)
        parts: dict[str, list[np.ndarray]] = {}
        for split in sorted(groups, key=["train", "val", "test"].index):
            for path in groups[split]:
                with _whole(path):
                    self._check_columns(path, columns)
            parts[split] = [_read_labels(path, columns.label) for path in groups[split]]
        raw = {split: np.concatenate(labels) for split, labels in parts.items()}
        class_names = columns.class_names
        if class_names:
            labels = {s: number_by_declared_names(self.name, s, raw[s], class_names) for s in raw}
        else:
            class_names, labels = number_by_occurrence(self.name, raw)
        splits: dict[str, SourceSplit] = {}
        for split in raw:
            starts = np.cumsum([0, *(len(part) for part in parts[split][:-1])]).tolist()
            splits[split] = SourceSplit(
                labels=labels[split],
                names=[f"{split}/{number}" for number in range(len(labels[split]))],
                items=ParquetItems(tuple(groups[split]), tuple(starts), columns.image),
            )
        ignored = [(p.name, "not named train, validation or test") for p in unnamed]
        return Listing(class_names, splits, tuple(ignored))

    def _check_one_configuration(self, groups: dict[str, list[Path]]) -> None:
        """Raise DataError for copies of a dataset side by side, which would be pooled."""
        folders = {str(_folder_of(p, self.path)) for paths in groups.values() for p in paths}
        # of `small-train-0` and `large-train-0` what stands before the number
        stems = {re.split(r"[-_.]\d", p.stem)[0] for p in groups["train"]}
        said_late = any(w in SPLIT_WORDS for s in stems for w in re.split(r"[-_.]", s.lower())[1:])
        shards = [
            (split, *shard.groups())
            for split, paths in groups.items()
            for p in paths
            if (shard := re.search(r"(\d+)-of-(\d+)", p.stem))
        ]
        totals = {(split, total) for split, _, total in shards}
        if len(folders) > 1:
            found = folders
        elif len(stems) > 1 and said_late:
            found = stems
        elif len(set(shards)) < len(shards) or len(totals) > len({split for split, _ in totals}):
            found = {p.stem for paths in groups.values() for p in paths}
        else:
            return
        raise DataError(
            f"{self.name} holds several configurations or copies ({', '.join(sorted(found)[:5])}): "
            "name the folder of one, or a pattern; its files are called train-…, test-….parquet"
        )

    def _check_columns(self, path: Path, expected: Columns) -> None:
        found = read_columns(path, self.name)
        if found != expected:
            differ = (
                f"columns {found.image}, {found.label} instead of {expected.image}, {expected.label}"
                if (found.image, found.label) != (expected.image, expected.label)
                else f"class names {list(found.class_names[:5])} … instead of "
                f"{list(expected.class_names[:5])} …"
            )
            raise DataError(f"{self.name}: {path.name} has {differ} as in the train files")


def _split_of(path: Path, home: Path) -> str:
    """Return the split in a file's name, or in its sub-folder's (the hub's converted layout)."""
    folder = "" if path.parent == home else path.parent.name
    words = (re.split(r"[-_.]", path.name)[0].lower(), folder.lower())
    return next((SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS), "")


def _folder_of(path: Path, home: Path) -> Path:
    """Return the folder that a configuration is: without that of the split."""
    folder = path.parent
    return folder.parent if folder != home and folder.name.lower() in SPLIT_WORDS else folder


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

    schema = pq.read_schema(path)
    try:
        metadata = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = (metadata.get("info") or {}).get("features") or {}
        features = {column: f for column, f in features.items() if isinstance(f, dict)}
    except (ValueError, AttributeError, RecursionError) as error:
        raise DataError(
            f"{name}: the `huggingface` metadata of {path.name} cannot be read ({error}); write the "
            "file anew, without them or with {info: {features: …}}"
        ) from error
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
    kind = schema.field(images[0]).type
    if pa.types.is_struct(kind):
        at = kind.get_field_index("bytes")
        kind = pa.null() if at < 0 else kind.field(at).type
    if not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind)):
        raise DataError(
            f"{name}: the column {images[0]} of {path.name} has no bytes of encoded pictures, but "
            f"{schema.field(images[0]).type} (base64 text?); write the decoded bytes as binary"
        )
    names = features.get(labels[0], {}).get("names") or []
    if not isinstance(names, list) or len(set(map(str, names))) < len(names):
        raise DataError(
            f"{name}: the class names in the metadata of {path.name} are no list of different "
            f"names: {str(names)[:60]!r}"
        )
    return Columns(images[0], labels[0], tuple(map(str, names)))


def _read_labels(path: Path, column: str) -> np.ndarray:
    """Return the labels as they are stored: numbers or names."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _whole(path):
        values = pq.ParquetFile(path).read(columns=[column])[column]
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    kinds = ("integer", "floating", "boolean", "string", "large_string")
    if not any(getattr(pa.types, f"is_{kind}")(values.type) for kind in kinds):
        raise DataError(
            f"{path.name}: the column {column} holds {values.type}; expected one class a row, by "
            "number or name (several classes of a picture cannot be learned here)"
        )
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
