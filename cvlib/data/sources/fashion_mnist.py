"""Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017) from its four idx files."""

from __future__ import annotations

import gzip
import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from cvlib.data.debian import unpack_package
from cvlib.data.download import download
from cvlib.data.errors import DataError
from cvlib.data.sources.base import Listing, PixelItems, Provider, Source, SourceSplit

if TYPE_CHECKING:
    import numpy as np

FOLDER = "FashionMNIST/raw"  # as torchvision names it, so that its downloads are found
DEBIAN_PACKAGE = "dataset-fashion-mnist"

# sha256 of the unpacked files: the archives differ between publishers (Debian packs them again),
# their content does not. Checked against the archives whose MD5s torchvision lists.
SHA256 = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
CLASS_NAMES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)


class FashionMNIST(Source):
    """60,000 + 10,000 grey images of 28×28 pixels in 10 classes; MIT licence."""

    def missing(self) -> list[str]:
        """Return the names of the idx files that are there neither plain nor as .gz."""
        return [f"{FOLDER}/{name}" for name in SHA256 if self._find(name) is None]

    def files(self) -> list[Path]:
        """Return the four idx files."""
        return [self._path(name) for name in SHA256]

    def verify(self) -> None:
        """Compare the content of each file with its published checksum."""
        for name, expected in SHA256.items():
            found = hashlib.sha256(self._content(name)).hexdigest()
            if found != expected:
                raise DataError(
                    f"{self._path(name)} is damaged or another file: its content has sha256 "
                    f"{found}, expected {expected}. Delete it, and it will be fetched again."
                )

    def listing(self) -> Listing:
        """Read all images and labels; 55 MB."""
        import numpy as np

        from cvlib.data.arrays import NumberedNames

        splits = {}
        for split, stem in (("train", "train"), ("test", "t10k")):
            images = read_idx(self._content(f"{stem}-images-idx3-ubyte"), f"{stem}-images")
            labels = read_idx(self._content(f"{stem}-labels-idx1-ubyte"), f"{stem}-labels")
            if images.ndim != 3 or labels.shape != images.shape[:1]:
                raise DataError(
                    f"{stem}: images {images.shape} and labels {labels.shape} do not belong together"
                )
            splits[split] = SourceSplit(
                labels=labels.astype(np.int64),
                names=NumberedNames(split, np.arange(len(labels))),
                items=PixelItems(images[..., None]),
            )
        return Listing(CLASS_NAMES, splits)

    def providers(self) -> list[Provider]:
        """Return torchvision's addresses, then Debian's package."""
        return [
            Provider("torchvision's download", self._fetch_torchvision),
            Provider(f"Debian's package {DEBIAN_PACKAGE}", self._fetch_debian),
        ]

    def by_hand(self) -> str:
        """Name the four files and their folder."""
        return (
            f"put {', '.join(f'{name}.gz' for name in SHA256)} (or unpacked, without .gz) into "
            f"{self.root / FOLDER}. They are in torchvision's download, in Debian's package "
            f"{DEBIAN_PACKAGE}, and at the authors' page, github.com/zalandoresearch/fashion-mnist."
        )

    def _fetch_torchvision(self) -> None:
        from torchvision.datasets import FashionMNIST as published

        folder = self.root / FOLDER
        for archive, md5 in published.resources:
            download(published.mirrors[0] + archive, folder / archive, md5)
        self._unpack_archives(folder)

    def _fetch_debian(self) -> None:
        (self.root / ".cache").mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.root / ".cache", prefix="debian-") as scratch:
            unpacked = unpack_package(DEBIAN_PACKAGE, Path(scratch))
            self._unpack_archives(unpacked / "usr/share/datasets/fashion-mnist")

    def _unpack_archives(self, folder: Path) -> None:
        """Put the checked content of the four archives in place; reading plain files is faster."""
        target = self.root / FOLDER
        target.mkdir(parents=True, exist_ok=True)
        for name, expected in SHA256.items():
            content = gzip.decompress((folder / f"{name}.gz").read_bytes())
            found = hashlib.sha256(content).hexdigest()
            if found != expected:
                raise DataError(f"{name}.gz: content has sha256 {found}, expected {expected}")
            part = target / f"{name}.part"
            part.write_bytes(content)
            part.replace(target / name)
        if folder == target:
            for name in SHA256:
                (target / f"{name}.gz").unlink(missing_ok=True)

    def _find(self, name: str) -> Path | None:
        plain = self.root / FOLDER / name
        packed = plain.with_name(f"{name}.gz")
        return plain if plain.is_file() else packed if packed.is_file() else None

    def _path(self, name: str) -> Path:
        found = self._find(name)
        if found is None:
            raise FileNotFoundError(self.root / FOLDER / name)
        return found

    def _content(self, name: str) -> bytes:
        path = self._path(name)
        if path.suffix != ".gz":
            return path.read_bytes()
        try:
            return gzip.decompress(path.read_bytes())
        except (OSError, EOFError) as error:
            raise DataError(f"{path} is not a whole gzip file ({error}). Delete it.") from error


def read_idx(content: bytes, name: str) -> np.ndarray:
    """Return the uint8 array of an idx file, without copying it.

    The format: two zero bytes, a type (8 is unsigned byte), the number of dimensions, each
    dimension's length as a big-endian 32-bit integer, then the values.
    """
    if len(content) < 4 or content[:3] != b"\0\0\x08":
        raise DataError(f"{name} is no idx file of unsigned bytes (starts with {content[:4]!r})")
    start = 4 + 4 * content[3]
    import numpy as np

    shape = tuple(np.frombuffer(content[4:start], dtype=">u4").astype(int).tolist())
    values = np.frombuffer(content, dtype=np.uint8, offset=start)
    if values.size != int(np.prod(shape)):
        raise DataError(f"{name} is cut off: {values.size} values, its header says {shape}")
    return values.reshape(shape)
