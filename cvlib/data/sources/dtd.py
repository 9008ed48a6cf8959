"""Describable Textures (Cimpoi et al., 2014), as torchvision unpacks it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from cvlib.data.download import download, unpack
from cvlib.data.errors import DataError
from cvlib.data.sources.base import FileItems, Listing, Provider, Source, SourceSplit

FOLDER = "dtd/dtd"
PARTITION = 1  # of the ten that its authors publish; the one that papers and torchvision take


class DTD(Source):
    """5,640 colour images of varying size in 47 classes, with train, val and test splits."""

    def missing(self) -> list[str]:
        """Return the names of the lists and folders that are not there."""
        wanted = [*self._lists().values(), self.root / FOLDER / "images"]
        return [str(path.relative_to(self.root)) for path in wanted if not path.exists()]

    def files(self) -> list[Path]:
        """Return the three lists and every image that they name."""
        lists = self._lists()
        images = [path for split in lists for path in self._paths(split)]
        return [*lists.values(), *images]

    def listing(self) -> Listing:
        """Read the three lists; the class of an image is its folder."""
        entries = {split: self._entries(split) for split in self._lists()}
        classes = {split: {e.split("/")[0] for e in names} for split, names in entries.items()}
        class_names = tuple(sorted(classes["train"]))
        for split in ("val", "test"):
            if classes[split] != classes["train"]:
                differ = sorted(classes[split] ^ classes["train"])
                raise DataError(f"dtd: train and {split} differ in the classes {differ}")
        import numpy as np

        number = {name: n for n, name in enumerate(class_names)}
        splits = {
            split: SourceSplit(
                labels=np.array([number[e.split("/")[0]] for e in names], dtype=np.int64),
                names=names,
                items=FileItems(self._paths(split)),
            )
            for split, names in entries.items()
        }
        return Listing(class_names, splits)

    def providers(self) -> list[Provider]:
        """Return torchvision's address."""
        return [Provider("torchvision's download", self._fetch_torchvision)]

    def by_hand(self) -> str:
        """Name the archive and the folder to unpack it in."""
        return (
            "unpack dtd-r1.0.1.tar.gz (from the dataset's page, robots.ox.ac.uk/~vgg/data/dtd) in "
            f"{self.root / 'dtd'}, so that {self.root / FOLDER / 'images'} exists."
        )

    def _fetch_torchvision(self) -> None:
        from torchvision.datasets import DTD as published

        (self.root / ".cache").mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.root / ".cache", prefix="download-") as scratch:
            archive = Path(scratch) / "dtd.tar.gz"
            download(published._URL, archive, published._MD5)
            unpack(archive, Path(scratch) / "unpacked")
            target = self.root / FOLDER
            target.parent.mkdir(parents=True, exist_ok=True)
            (Path(scratch) / "unpacked" / "dtd").rename(target)

    def _lists(self) -> dict[str, Path]:
        labels = self.root / FOLDER / "labels"
        return {split: labels / f"{split}{PARTITION}.txt" for split in ("train", "val", "test")}

    def _entries(self, split: str) -> list[str]:
        return self._lists()[split].read_text().split()

    def _paths(self, split: str) -> list[Path]:
        return [self.root / FOLDER / "images" / entry for entry in self._entries(split)]
