"""Where the PATH of `imagefolder:PATH` and `parquet:PATH` points, and names of split folders."""

from __future__ import annotations

from pathlib import Path

# What people call a split, in lower case, and what it is called here.
SPLIT_WORDS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}


def dataset_path(name: str, root: Path) -> Path:
    """Return the PATH of `kind:PATH`: `~` expanded, relative to the project (the parent of `root`)."""
    path = Path(name.partition(":")[2].strip()).expanduser()
    return path if path.is_absolute() else root.absolute().parent / path
