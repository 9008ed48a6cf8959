"""The image files under a folder, by the folder that directly holds them."""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

IMAGE_SUFFIXES = frozenset(
    (
        *(".avif", ".bmp", ".gif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm"),
        *(".png", ".pnm", ".ppm", ".tga", ".tif", ".tiff", ".webp"),
    )
)


@dataclass
class FolderTree:
    """What lies under a folder. Folders are relative posix paths, the folder itself is "".

    images:  folder -> names of the image files directly in it, sorted
    ignored: (path, reason) of every other visible file
    empty:   folders with nothing in them at all
    """

    images: dict[str, list[str]] = field(default_factory=dict)
    ignored: list[tuple[str, str]] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)


def folder_tree(folder: Path) -> FolderTree:
    """Walk `folder`. Links to folders are followed, once each; hidden files and folders are not."""
    tree = FolderTree()
    _walk(folder, "", {os.path.realpath(folder)}, tree)
    return tree


def name_order(name: str) -> tuple[str, str]:
    """Sort key that is the same on file systems that compose accents and on those that do not."""
    return unicodedata.normalize("NFC", name), name


def _walk(folder: Path, relative: str, above: set[str], tree: FolderTree) -> None:
    with os.scandir(folder) as entries:
        # Hidden files come from the system (.DS_Store, ._photo.jpg) and __MACOSX from its zip.
        visible = [e for e in entries if not e.name.startswith(".") and e.name != "__MACOSX"]
    if not visible:
        tree.empty.append(relative)
    images = []
    for entry in sorted(visible, key=lambda e: name_order(e.name)):
        path = f"{relative}/{entry.name}" if relative else entry.name
        if entry.is_dir():
            real = os.path.realpath(entry.path)
            if real in above:
                tree.ignored.append((path, "a link to a folder above it"))
            else:
                _walk(folder / entry.name, path, above | {real}, tree)
        elif Path(entry.name).suffix.lower() in IMAGE_SUFFIXES:
            images.append(entry.name)
        else:
            tree.ignored.append((path, "no image file"))
    if images:
        tree.images[relative] = images
