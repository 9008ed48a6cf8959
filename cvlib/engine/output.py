"""Finished files go to the output folder whole: staged beside it, moved when all is made."""

from __future__ import annotations

import filecmp
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def stamp(path: Path) -> tuple[int, int, int] | None:
    """When a file was written, its size, and which file it is; None where there is none.

    An editor that saves beside the file and renames makes it another one, of the same name.
    """
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


@contextmanager
def staging(output_dir: Path) -> Iterator[Path]:
    """Give an empty folder on the output folder's disk; it is gone afterwards."""
    output_dir.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(prefix=".staging-", dir=output_dir))
    try:
        yield staged
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def publish_file(staged: Path, destination: Path) -> None:
    """Move one file into place; a reader sees the old file or the new one."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    staged.replace(destination)


def publish_site(staged: Path, output_dir: Path, manifest: Path) -> None:
    """Move a site's changed files into place and remove those of its last rendering that are gone.

    `manifest` lists the site's files; what else lies in the output folder is left alone. Unchanged
    files keep their time stamp.
    """
    files = sorted(path.relative_to(staged) for path in staged.rglob("*") if path.is_file())
    before: set[str] = set()
    with suppress(FileNotFoundError, ValueError):
        before = set(json.loads(manifest.read_text(encoding="utf-8")))
    for file in files:
        destination = output_dir / file
        if not (destination.is_file() and filecmp.cmp(staged / file, destination, shallow=False)):
            publish_file(staged / file, destination)
    for gone in before - {file.as_posix() for file in files}:
        if not gone.startswith("/") and ".." not in gone.split("/"):
            (output_dir / gone).unlink(missing_ok=True)
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_text(json.dumps([file.as_posix() for file in files]), encoding="utf-8")
