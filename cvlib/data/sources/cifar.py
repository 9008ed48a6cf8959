"""CIFAR-10 and CIFAR-100 (Krizhevsky, 2009) from the archives that torchvision downloads."""

from __future__ import annotations

import pickle
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cvlib.data.download import download, file_digest, unpack
from cvlib.data.errors import DataError
from cvlib.data.sources.base import Listing, PixelItems, Provider, Source, SourceSplit


@dataclass(frozen=True)
class Edition:
    """How one of the two archives names things. md5: file name -> MD5, as torchvision lists them."""

    torchvision_class: str
    folder: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    meta: str
    labels_key: str
    names_key: str
    md5: dict[str, str]


EDITIONS = {
    "cifar10": Edition(
        torchvision_class="CIFAR10",
        folder="cifar-10-batches-py",
        train=tuple(f"data_batch_{n}" for n in range(1, 6)),
        test=("test_batch",),
        meta="batches.meta",
        labels_key="labels",
        names_key="label_names",
        md5={
            "data_batch_1": "c99cafc152244af753f735de768cd75f",
            "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
            "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
            "data_batch_4": "634d18415352ddfa80567beed471001a",
            "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
            "test_batch": "40351d587109b95175f43aff81a1287e",
            "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
        },
    ),
    "cifar100": Edition(
        torchvision_class="CIFAR100",
        folder="cifar-100-python",
        train=("train",),
        test=("test",),
        meta="meta",
        labels_key="fine_labels",
        names_key="fine_label_names",
        md5={
            "train": "16019d7e3df5f24257cddd939b257f8d",
            "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
            "meta": "7973b15100ade9c7d40fb424638fde48",
        },
    ),
}


class CIFAR(Source):
    """50,000 + 10,000 colour images of 32×32 pixels in 10 or 100 classes."""

    def __init__(self, name: str, root: Path) -> None:
        super().__init__(name, root)
        self.edition = EDITIONS[name]
        self.folder = root / self.edition.folder

    def missing(self) -> list[str]:
        """Return the names of the batch files that are not there."""
        names = self.edition.md5
        return [f"{self.edition.folder}/{n}" for n in names if not (self.folder / n).is_file()]

    def files(self) -> list[Path]:
        """Return the batch files and the one with the class names."""
        return [self.folder / name for name in self.edition.md5]

    def verify(self) -> None:
        """Compare each file with its published checksum."""
        for name, expected in self.edition.md5.items():
            found = file_digest(self.folder / name, "md5")
            if found != expected:
                raise DataError(
                    f"{self.folder / name} is damaged or another file: MD5 {found}, expected "
                    f"{expected}. Delete the folder, and it will be fetched again."
                )

    def listing(self) -> Listing:
        """Read all images and labels; 180 MB."""
        import numpy as np

        from cvlib.data.arrays import NumberedNames

        edition = self.edition
        names = tuple(self._load(edition.meta)[edition.names_key])
        splits = {}
        for split, batches in (("train", edition.train), ("test", edition.test)):
            parts = [self._load(name) for name in batches]
            planes = np.concatenate([part["data"] for part in parts]).reshape(-1, 3, 32, 32)
            labels = np.concatenate([part[edition.labels_key] for part in parts]).astype(np.int64)
            splits[split] = SourceSplit(
                labels=labels,
                names=NumberedNames(split, np.arange(len(labels))),
                items=PixelItems(np.ascontiguousarray(planes.transpose(0, 2, 3, 1))),
            )
        return Listing(names, splits)

    def providers(self) -> list[Provider]:
        """Return torchvision's address."""
        return [Provider("torchvision's download", self._fetch_torchvision)]

    def by_hand(self) -> str:
        """Name the archive and the folder to unpack it in."""
        short = self.edition.folder.removesuffix("-batches-py").removesuffix("-python")
        return (
            f"unpack {short}-python.tar.gz (from the dataset's page, cs.toronto.edu/~kriz/cifar.html"
            f") in {self.root}, so that {self.folder} exists."
        )

    def _fetch_torchvision(self) -> None:
        from torchvision import datasets

        published = getattr(datasets, self.edition.torchvision_class)
        (self.root / ".cache").mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.root / ".cache", prefix="download-") as scratch:
            archive = Path(scratch) / published.filename
            download(published.url, archive, published.tgz_md5)
            unpack(archive, Path(scratch))
            self.folder.mkdir(parents=True, exist_ok=True)
            for name in self.edition.md5:
                (Path(scratch) / self.edition.folder / name).replace(self.folder / name)

    def _load(self, name: str) -> dict[str, Any]:
        with (self.folder / name).open("rb") as file:
            try:
                content: dict[str, Any] = _ArraysOnly(file, encoding="latin1").load()
            except (pickle.UnpicklingError, EOFError, ValueError, KeyError) as error:
                raise DataError(f"{self.folder / name} is no CIFAR batch: {error}") from error
        return content


class _ArraysOnly(pickle.Unpickler):
    """Reads pickled dicts, lists, strings and numpy arrays; a pickle can call nothing else."""

    _ALLOWED = (
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("_codecs", "encode"),
    )

    def find_class(self, module: str, name: str) -> Any:
        """Return the named class if it is one that batches are made of."""
        if (module, name) not in self._ALLOWED:
            raise pickle.UnpicklingError(f"it wants to call {module}.{name}")
        if name == "_reconstruct":
            import numpy as np

            # numpy 2 moved its module, and warns about the old name
            return np.zeros(0).__reduce__()[0]
        return super().find_class(module, name)
