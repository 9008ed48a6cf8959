"""The dataset that something is started on: inspected, and reached from inside the project.

Pictures stay where they are. A folder outside the project is linked below `data/`, which git
ignores, and the experiment names the link: the project can be moved, and on another machine the
same pictures are put, or linked, under the same name.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from cvlib.data.arrays import DataError
from cvlib.data.sources import dataset_path, open_source
from cvlib.data.spec import FOLDER_KINDS, SPLIT_NAMES, named_dataset
from cvlib.starting import StartError

DIGITS = "digits"  # comes with the installation
LARGEST_SIDE = 64  # pixels that a starter experiment trains on at most: minutes on a CPU
SMALLEST_SIDE = 16  # under which three blocks have little left to halve
_PICTURES_SEEN = 100
# Below data/, these are cvlib's or torchvision's.
_TAKEN = {"weights", "features", "FashionMNIST", "dtd", "cifar-10-batches-py", "cifar-100-python"}


@dataclass(frozen=True)
class StartData:
    """A dataset to start on.

    name: as an experiment writes it. image_size: the side to train on, None for sets that have one.
    link, target: what has to be linked below the project, None where nothing has.
    """

    name: str
    image_size: int | None
    words: str
    link: Path | None = None
    target: Path | None = None

    def make_link(self, root: Path) -> Path | None:
        """Make the link in a project; returns its path where it is new."""
        if self.link is None or self.target is None:
            return None
        path = root / self.link
        if path.is_symlink() and path.resolve() == self.target.resolve():
            return None
        if path.exists() or path.is_symlink():
            raise StartError(
                f"{self.link.as_posix()} is there already and is not {self.target}; rename one of "
                "the two folders"
            )
        path.parent.mkdir(exist_ok=True)
        try:
            path.symlink_to(self.target, target_is_directory=self.target.is_dir())
        except OSError as error:
            raise StartError(
                f"{self.link.as_posix()} cannot be made a link to {self.target} "
                f"({error.strerror}): copy the pictures to data/{self.link.name} and name "
                f"{self.name}"
            ) from None
        return path


def inspect_dataset(name: str, root: Path | None = None) -> StartData:
    """Check a dataset's name and, for pictures of one's own, what is there.

    name: `cifar10`, `imagefolder:PATH`, …; a relative PATH starts at the working folder,
    else at the project `root`. Raises StartError, or DataError where the pictures cannot be classified.
    """
    try:
        named_dataset(name)
    except DataError as error:
        raise StartError(str(error)) from None
    kind, _, given = name.partition(":")
    if kind not in FOLDER_KINDS:
        has_own_size = (kind in SPLIT_NAMES and kind != "dtd") or kind == "digits"
        return StartData(name, None if has_own_size else LARGEST_SIDE, name)
    tried = [dataset_path(name, base / "data") for base in (Path.cwd(), root) if base]
    found = next((path for path in tried if path.exists()), None)
    if found is None:
        is_pattern = any(letter in given for letter in "*?[")
        hint = "; a pattern will not do here, name the folder" if is_pattern else ""
        raise StartError(f"{kind}:{given}: there is no {tried[0].absolute()}{hint}")
    # links on the way stay as they are: the person chose that path
    folder = Path(os.path.normpath(found.absolute()))
    side, words = _measured(f"{kind}:{folder}", folder)
    if root is not None and folder.is_relative_to(root):
        return StartData(f"{kind}:{folder.relative_to(root).as_posix()}", side, words)
    link = Path("data") / (f"{folder.name}-pictures" if folder.name in _TAKEN else folder.name)
    return StartData(f"{kind}:{link.as_posix()}", side, words, link, folder)


def _measured(name: str, folder: Path) -> tuple[int, str]:
    """The side to train on, and what is there in words."""
    import numpy as np

    from cvlib.data.decode import Header, read_headers
    from cvlib.data.selection import select

    listing = open_source(name, folder.parent).listing()
    select(listing, named_dataset(name))  # at least two classes, with enough in each
    train = len(listing.splits["train"].labels)
    seen = np.unique(np.linspace(0, train - 1, _PICTURES_SEEN).astype(np.int64))
    headers = [h for h in read_headers(listing, {"train": seen}) if isinstance(h, Header)]
    if not headers:
        raise StartError(f"{name}: none of {len(seen)} pictures can be read; `cvlib data` says why")
    shortest = min(min(header.width, header.height) for header in headers)
    images = sum(len(split.labels) for split in listing.splits.values())
    words = f"{images:,} images of {len(listing.class_names)} classes in {folder}"
    return max(SMALLEST_SIDE, min(LARGEST_SIDE, shortest)), words
