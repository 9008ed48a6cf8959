"""Parquet files in the hub's column layout, such as `train-00000-of-00002.parquet`.

Columns: `image` or `img` (struct of `bytes` and `path`, or plain bytes) and `label`, or the only
ClassLabel column. Class names come from the `huggingface` metadata of the schema.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvlib.data.errors import DataError
from cvlib.data.sources.base import Listing, NoBytes, Source, SourceSplit
from cvlib.data.sources.parquet_schema import (
    Columns,
    number_by_declared_names,
    number_by_occurrence,
    read_columns,
    read_labels,
)
from cvlib.data.sources.paths import SPLIT_WORDS, dataset_path

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class ParquetItems:
    """The image column of some files. starts: position of each file's first row."""

    files: tuple[Path, ...]
    starts: tuple[int, ...]
    column: str

    def read(self, ids: np.ndarray) -> Iterator[bytes | memoryview | NoBytes]:
        """Yield each row's encoded image, one row group in memory at a time."""
        import numpy as np
        import pyarrow.parquet as pq

        if np.any(np.diff(ids) < 0):
            raise ValueError("ids must be sorted: rows are read from first to last")

        for path, start in zip(self.files, self.starts, strict=True):
            with pq.ParquetFile(path) as file:
                for group in range(file.num_row_groups):
                    rows = file.metadata.row_group(group).num_rows
                    wanted = ids[(ids >= start) & (ids < start + rows)] - start
                    start += rows
                    if len(wanted):
                        column = file.read_row_group(group, columns=[self.column])[self.column]
                        yield from _image_bytes(column.take(wanted))


def _image_bytes(column: Any) -> Iterator[bytes | NoBytes]:
    import pyarrow as pa

    for chunk in column.chunks:
        values = chunk.field("bytes") if pa.types.is_struct(chunk.type) else chunk
        for value in values:
            content = value.as_py()
            yield NoBytes("the row has no image bytes") if content is None else content


class Parquet(Source):
    """`parquet:PATH`, a folder, a file, or a pattern such as `photos/*.parquet`."""

    def __init__(self, name: str, root: Path) -> None:
        super().__init__(name, root)
        self.path = dataset_path(name, root)

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

        from cvlib.data.arrays import NumberedNames

        groups: dict[str, list[Path]] = {}
        for path in self.files():
            groups.setdefault(_split_of(path, self.path) or "", []).append(path)
        unnamed = groups.pop("", [])
        if not groups:
            groups = {"train": unnamed}
            unnamed = []
        if "train" not in groups:
            raise DataError(
                f"{self.name} has files for {', '.join(sorted(groups))} but none for train; name "
                "them train-….parquet"
            )
        columns = read_columns(groups["train"][0], self.name)
        parts: dict[str, list[np.ndarray]] = {}
        for split in sorted(groups, key=["train", "val", "test"].index):
            for path in groups[split]:
                self._check_columns(path, columns)
            parts[split] = [read_labels(path, columns.label) for path in groups[split]]
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
                names=NumberedNames(split, np.arange(len(labels[split]))),
                items=ParquetItems(tuple(groups[split]), tuple(starts), columns.image),
            )
        ignored = [(p.name, "not named train, validation or test") for p in unnamed]
        return Listing(class_names, splits, tuple(ignored))

    def by_hand(self) -> str:
        """Say what must be where."""
        return (
            f"put train-….parquet and test-….parquet (columns image and label) into {self.path}. "
            "A relative PATH starts at the project's folder."
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


def _split_of(path: Path, home: Path) -> str | None:
    """Return the split in a file's name, or in its sub-folder's (the hub's converted layout)."""
    folder = "" if path.parent == home else path.parent.name
    for word in (re.split(r"[-_.]", path.name)[0], folder):
        if word.lower() in SPLIT_WORDS:
            return SPLIT_WORDS[word.lower()]
    return None
