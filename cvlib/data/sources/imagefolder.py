"""A folder of images on the user's disk: split sub-folders, or one folder of class folders.

An image's class is the relative path of the folder that directly holds it, so that nested folders
(`animals/cat`) are classes of their own. Images outside a class folder are listed as ignored.
"""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from functools import cached_property, partial
from pathlib import Path
from posixpath import join

from cvlib.data.arrays import DataError, check_name
from cvlib.data.sources import (
    PASSING,
    SPLIT_WORDS,
    FileItems,
    Listing,
    Source,
    SourceSplit,
    dataset_path,
)

IMAGE_SUFFIXES = frozenset(
    (
        *(".avif", ".bmp", ".gif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm"),
        *(".png", ".pnm", ".ppm", ".tga", ".tif", ".tiff", ".webp"),
    )
)


OUTSIDE_LINKS = "CVLIB_OUTSIDE_LINKS"
_WAYS, _DEPTH = 16, 100  # to a folder: links make of n folders up to n! ways
_BESIDE = "not in a train, val or test folder"

Classes = dict[str, list[str]]  # class name -> paths of its images, relative to the folder


class ImageFolder(Source):
    """`imagefolder:PATH`."""

    def __init__(self, name: str, root: Path) -> None:
        super().__init__(name, root)
        self.folder = dataset_path(name, root)
        self.by_hand = (
            f"put the images into {self.folder}, one folder for each class, or into train, val "
            "and test folders in it. A relative PATH starts at the project's folder."
        )

    def missing(self) -> list[str]:
        """Return the folder, if it is not there."""
        return [] if self.folder.is_dir() else [f"the folder {self.folder}"]

    def files(self) -> list[Path]:
        """Return every image file that belongs to a class, those of all splits."""
        splits, _ = self._layout
        return [self.folder / p for c in splits.values() for paths in c.values() for p in paths]

    def listing(self) -> Listing:
        """Return the splits that the folder has. Raises DataError naming classes that do not fit."""
        import numpy as np

        splits, ignored = self._layout
        class_names = tuple(splits["train"])
        listed = {}
        for split, classes in splits.items():
            only_train = [c for c in class_names if c not in classes]
            only_here = [c for c in classes if c not in splits["train"]]
            parts = [
                f"only in {where}: {', '.join(map(repr, n[:5]))}{' …' if len(n) > 5 else ''}"
                for where, n in (("train", only_train), (split, only_here))
                if n
            ]
            if parts:
                raise DataError(
                    f"{self.name}: train and {split} have different classes ({'; '.join(parts)}). "
                    "Make them equal."
                )
            names = [path for name in class_names for path in classes[name]]
            counts = [len(classes[name]) for name in class_names]
            listed[split] = SourceSplit(
                labels=np.repeat(np.arange(len(class_names), dtype=np.int64), counts),
                names=names,
                items=FileItems([self.folder / name for name in names]),
            )
        return Listing(class_names, listed, tuple(ignored))

    @cached_property
    def _layout(self) -> tuple[dict[str, Classes], list[tuple[str, str]]]:
        tree = FolderTree(self.name, self.folder)
        if not tree.images:
            raise DataError(f"{self.name}: there is no image file under {self.folder}")
        homes, beside = _split_homes(self.name, tree)
        splits: dict[str, Classes] = {}
        inside = {folder for folders in beside.values() for folder in folders}
        for split, home in homes.items():
            splits[split] = classes = {}
            for folder in sorted(tree.images, key=name_order):
                if below := _below(folder, home):
                    # One spelling of accents, whichever file system the folder was copied from.
                    name = unicodedata.normalize("NFC", below)
                    check_name(name, "class name")
                    if name in classes:
                        raise DataError(
                            f"{self.name}: two folders are called {name!r}, with accents spelled "
                            "in two ways; move their pictures into one"
                        )
                    classes[name] = [f"{folder}/{n}" for n in tree.images[folder]]
                    inside.add(folder)
            empty = [f for f in tree.empty if _below(f, home)]
            if empty:
                raise DataError(
                    f"{self.name}: the folder {empty[0]!r} is empty, so its class has no "
                    "image. Remove it, or put images into it."
                )
        if not splits["train"]:
            raise DataError(
                f"{self.name}: the images lie directly in {homes['train'] or self.folder}. Put "
                "them into one folder for each class."
            )
        loose = [join(f, n) for f in tree.images if f not in inside for n in tree.images[f]]
        ignored = [*tree.ignored, *((name, "not in a class folder") for name in loose)]
        for top, folders in beside.items():
            meant = SPLIT_WORDS.get(top.lower())
            why = f"no label: of {meant}, but not in a class folder" if meant else _BESIDE
            ignored += [(f"{f}/{n}", why) for f in folders for n in tree.images[f]]
        return splits, sorted(ignored)


def _split_homes(name: str, tree: FolderTree) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return the folder of each split, and the folders with images that are beside them, by top."""
    home = _unwrapped(tree)
    tops: dict[str, list[str]] = {}  # folder directly below home -> the folders with images in it
    for folder in tree.images:
        below = _below(folder, home)
        if below:
            tops.setdefault(below.split("/")[0], []).append(folder)
    named = {top: SPLIT_WORDS[top.lower()] for top in tops if top.lower() in SPLIT_WORDS}

    path = partial(join, home)
    # A class may be called "train" (beside "bus" and "car"): its images lie directly in it, those
    # of a split lie in the class folders below it.
    holds_classes = [top for top in named if any(f != path(top) for f in tops[top])]
    if not holds_classes and tops and set(tops) == set(named):
        raise DataError(
            f"{name}: the images lie directly in {', '.join(sorted(map(path, tops)))}. Put them "
            "into one folder for each class there."
        )
    if not holds_classes:
        return {"train": home}, {}
    homes: dict[str, str] = {}
    for top in holds_classes:
        split = named[top]
        if split in homes:
            raise DataError(f"{name}: {homes[split]!r} and {path(top)!r} both mean {split}")
        homes[split] = path(top)
    if "train" not in homes:
        raise DataError(
            f"{name} has split folders ({', '.join(sorted(holds_classes))}) but no train folder"
        )
    beside = {top: folders for top, folders in tops.items() if top not in holds_classes}
    return {split: homes[split] for split in ("train", "val", "test") if split in homes}, beside


def _unwrapped(tree: FolderTree) -> str:
    """Step through folders that only wrap another one, as unpacked archives have them."""
    home = ""
    while True:
        tops = {_below(f, home).split("/")[0] for f in tree.images}
        deeper = all("/" in _below(f, home) for f in tree.images)
        # A lone folder whose images lie directly in it is a class, not a wrapper.
        if len(tops) != 1 or not deeper or next(iter(tops)).lower() in SPLIT_WORDS:
            return home
        home = join(home, *tops)


def _below(folder: str, home: str) -> str:
    """Return `folder` relative to `home`, or "" if it is not below it."""
    if not home:
        return folder
    return folder[len(home) + 1 :] if folder.startswith(f"{home}/") else ""


class FolderTree:
    """What lies under a folder. Folders are relative posix paths, the folder itself is "".

    images:  folder -> names of the image files directly in it, sorted
    ignored: (path, reason) of every other visible file
    empty:   folders with nothing in them at all

    Links are followed inside the folder; out of it where CVLIB_OUTSIDE_LINKS is set. Hidden files
    and folders are not looked at. Raises DataError naming what is no file that can be read, leads
    out of the folder, cannot be shown, or is reached over ever more ways.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.images: dict[str, list[str]] = {}
        self.ignored: list[tuple[str, str]] = []
        self.empty: list[str] = []
        self._name, self._home = name, os.path.realpath(folder)
        self._ways: Counter[str] = Counter()
        self._walk(folder, "", (self._home,))

    def _walk(self, folder: Path, relative: str, above: tuple[str, ...]) -> None:
        """Walk `folder`, which is `relative`; above: the real paths of it and of those above it."""
        self._ways[above[-1]] += 1
        if self._ways[above[-1]] > _WAYS or len(above) > _DEPTH:
            raise self._refused(
                relative, "is reached over ever more ways, or lies too deep; remove links in it"
            )
        try:
            with os.scandir(folder) as entries:
                # Hidden files come from the system (.DS_Store, ._photo.jpg), __MACOSX from its zip.
                visible = [e for e in entries if e.name[0] != "." and e.name != "__MACOSX"]
        except OSError as error:
            if error.errno in PASSING:
                raise
            why = f"cannot be read ({error.strerror}); change that or remove it"
            raise self._refused(relative, why) from error
        if not visible:
            self.empty.append(relative)
        images = []
        for entry in sorted(visible, key=lambda e: name_order(e.name)):
            path = join(relative, entry.name)
            is_image = Path(entry.name).suffix.lower() in IMAGE_SUFFIXES
            try:
                is_folder, is_file = entry.is_dir(), entry.is_file()
            except OSError as error:  # of a link in a circle, say
                raise self._refused(path, f"cannot be read ({error.strerror}); remove it") from None
            real = f"{above[-1]}/{entry.name}"
            if entry.is_symlink() and (is_folder or is_image):
                real = self._end_of_link(real, path)
            if is_folder and real in above:
                self.ignored.append((path, "a link to a folder above it"))
            elif is_folder:
                self._walk(folder / entry.name, path, (*above, real))
            elif not is_image:
                self.ignored.append((path, "no image file"))
            elif not is_file and Path(real).exists():  # a link to nothing is listed as unreadable
                raise self._refused(path, "is a pipe, a socket or a device; remove it")
            else:
                check_name(entry.name, f"name of a file in {relative!r}:")
                images.append(entry.name)
        if images:
            self.images[relative] = images

    def _end_of_link(self, link: str, path: str) -> str:
        """The real path of a folder or an image, which is to lie inside."""
        real = os.path.realpath(link)
        if Path(real).is_relative_to(self._home) or os.environ.get(OUTSIDE_LINKS):
            return real
        raise self._refused(
            path,
            f"is a link out of the folder, to {real!r}; copy it there, or set "
            f"{OUTSIDE_LINKS}=1 where you trust all links of these data",
        )

    def _refused(self, path: str, why: str) -> DataError:
        return DataError(f"{self._name}: {repr(path) if path else 'the folder'} {why}")


def name_order(name: str) -> tuple[str, str]:
    """Sort key that is the same on file systems that compose accents and on those that do not."""
    return unicodedata.normalize("NFC", name), name
