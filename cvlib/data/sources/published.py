"""Published datasets: Fashion-MNIST, CIFAR, DTD and digits, in the formats that they come in."""

from __future__ import annotations

import gzip
import importlib.util
import math
import pickle
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cvlib.data.arrays import DataError
from cvlib.data.notes import file_digest
from cvlib.data.providers import download, unpack, unpack_package
from cvlib.data.sources import FileItems, Listing, PixelItems, Source, SourceSplit
from cvlib.files import replace_file, sha256_bytes

if TYPE_CHECKING:
    import numpy as np


class Digits(Source):
    """The 1,797 handwritten digits that come with scikit-learn (Alpaydin and Kaynak, 1998).

    8×8 grey images in 10 classes, without a test split: always there, for tests.
    """

    by_hand = "pip install scikit-learn"

    def files(self) -> list[Path]:
        """Return the one file inside scikit-learn."""
        spec = importlib.util.find_spec("sklearn")  # without importing it
        assert spec and spec.origin  # one of cvlib's dependencies
        return [Path(spec.origin).parent / "datasets/data/digits.csv.gz"]

    def listing(self) -> Listing:
        """Read the table: 64 pixel values of 0 to 16, and the label, in each row."""
        import numpy as np

        # Read directly: importing scikit-learn takes a second, this takes 30 ms.
        table = np.loadtxt(self.files()[0], delimiter=",", dtype=np.int64)
        pixels = np.rint(table[:, :64] * (255 / 16)).astype(np.uint8)
        images = pixels.reshape(-1, 8, 8, 1)
        split = pixel_split("all", images, table[:, 64])
        return Listing(tuple(str(digit) for digit in range(10)), {"train": split})


FASHION_MNIST = "FashionMNIST/raw"  # as torchvision names it, so that its downloads are found
DEBIAN_PACKAGE = "dataset-fashion-mnist"

# sha256 of the unpacked files: the archives differ between publishers (Debian packs them again),
# their content does not. Checked against the archives whose MD5s torchvision lists.
SHA256 = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
FASHION_CLASSES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)


class FashionMNIST(Source):
    """Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017) from its four idx files; MIT licence.

    60,000 + 10,000 grey images of 28×28 pixels in 10 classes.
    """

    def __init__(self, name: str, root: Path) -> None:
        super().__init__(name, root)
        self.providers = {
            "torchvision's download": self._fetch_torchvision,
            f"Debian's package {DEBIAN_PACKAGE}": self._fetch_debian,
        }
        self.by_hand = (
            f"put {', '.join(f'{name}.gz' for name in SHA256)} (or unpacked, without .gz) into "
            f"{self.root / FASHION_MNIST}. They are in torchvision's download, in Debian's package "
            f"{DEBIAN_PACKAGE}, and at the authors' page, github.com/zalandoresearch/fashion-mnist."
        )

    def files(self) -> list[Path]:
        """Return the four idx files."""
        return [self._path(name) for name in SHA256]

    def verify(self) -> None:
        """Compare the content of each file with its published checksum."""
        for name, expected in SHA256.items():
            if (found := sha256_bytes(self._content(name))) != expected:
                raise DataError(
                    f"{self._path(name)} is damaged or another file: its content has sha256 "
                    f"{found}, expected {expected}. Delete it, and it will be fetched again."
                )

    def listing(self) -> Listing:
        """Read all images and labels; 55 MB."""
        splits = {}
        for split, stem in (("train", "train"), ("test", "t10k")):
            images = read_idx(self._content(f"{stem}-images-idx3-ubyte"), f"{stem}-images")
            labels = read_idx(self._content(f"{stem}-labels-idx1-ubyte"), f"{stem}-labels")
            if images.ndim != 3 or labels.shape != images.shape[:1]:
                raise DataError(
                    f"{stem}: images {images.shape} and labels {labels.shape} do not belong together"
                )
            splits[split] = pixel_split(split, images[..., None], labels)
        return Listing(FASHION_CLASSES, splits)

    def _fetch_torchvision(self) -> None:
        from torchvision.datasets import FashionMNIST as published

        with scratch(self.root, "download-") as folder:
            for archive, md5 in published.resources:
                download(published.mirrors[0] + archive, folder / archive, md5)
            self._unpack_archives(folder)

    def _fetch_debian(self) -> None:
        with scratch(self.root, "debian-") as folder:
            unpacked = unpack_package(DEBIAN_PACKAGE, folder)
            self._unpack_archives(unpacked / "usr/share/datasets/fashion-mnist")

    def _unpack_archives(self, folder: Path) -> None:
        """Put the checked content of the four archives in place; reading plain files is faster."""
        for name, expected in SHA256.items():
            content = gzip.decompress((folder / f"{name}.gz").read_bytes())
            if (found := sha256_bytes(content)) != expected:
                raise DataError(f"{name}.gz: content has sha256 {found}, expected {expected}")
            replace_file(self.root / FASHION_MNIST / name, content)

    def _path(self, name: str) -> Path:
        """Return the plain file, where there is none that of the .gz."""
        plain = self.root / FASHION_MNIST / name
        return plain if plain.is_file() else plain.with_name(f"{name}.gz")

    def _content(self, name: str) -> bytes:
        path = self._path(name)
        content = path.read_bytes()
        try:
            return gzip.decompress(content) if path.suffix == ".gz" else content
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{path} is not a whole gzip file ({error}). Delete it.") from error


def read_idx(content: bytes, name: str) -> np.ndarray:
    """Return the uint8 array of an idx file, without copying it.

    The format: two zero bytes, a type (8 is unsigned byte), the number of dimensions, each
    dimension's length as a big-endian 32-bit integer, then the values.
    """
    import numpy as np

    if len(content) < 4 or content[:3] != b"\0\0\x08":
        raise DataError(f"{name} is no idx file of unsigned bytes (starts with {content[:4]!r})")
    start = 4 + 4 * content[3]
    shape = tuple(int.from_bytes(content[at : at + 4], "big") for at in range(4, start, 4))
    values = np.frombuffer(content, dtype=np.uint8)[start:]
    if values.size != math.prod(shape):
        raise DataError(f"{name} is cut off: {values.size} values, its header says {shape}")
    return values.reshape(shape)


class Edition(NamedTuple):
    """How one of CIFAR's archives names things.

    key: what stands before `labels` in a batch. md5: file name -> MD5, as torchvision lists them:
    the batches of train, that of test, the class names.
    """

    folder: str
    key: str
    md5: dict[str, str]


EDITIONS = {
    "cifar10": Edition(
        "cifar-10-batches-py",
        "",
        {
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
        "cifar-100-python",
        "fine_",
        {
            "train": "16019d7e3df5f24257cddd939b257f8d",
            "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
            "meta": "7973b15100ade9c7d40fb424638fde48",
        },
    ),
}


class CIFAR(Source):
    """CIFAR-10 and CIFAR-100 (Krizhevsky, 2009) from the archives that torchvision downloads.

    50,000 + 10,000 colour images of 32×32 pixels in 10 or 100 classes.
    """

    def __init__(self, name: str, root: Path) -> None:
        super().__init__(name, root)
        self.edition = EDITIONS[name]
        self.folder = root / self.edition.folder
        self.providers = {"torchvision's download": self._fetch_torchvision}
        short = self.edition.folder.removesuffix("-batches-py").removesuffix("-python")
        self.by_hand = (
            f"unpack {short}-python.tar.gz (from the dataset's page, cs.toronto.edu/~kriz/cifar.html"
            f") in {self.root}, so that {self.folder} exists."
        )

    def files(self) -> list[Path]:
        """Return the batch files and the one with the class names."""
        return [self.folder / name for name in self.edition.md5]

    def verify(self) -> None:
        """Compare each file with its published checksum."""
        for path, expected in zip(self.files(), self.edition.md5.values(), strict=True):
            if (found := file_digest(path, "md5")) != expected:
                raise DataError(
                    f"{path} is damaged or another file: MD5 {found}, expected {expected}. "
                    "Delete the folder, and it will be fetched again."
                )

    def listing(self) -> Listing:
        """Read all images and labels; 180 MB."""
        import numpy as np

        key, splits = self.edition.key, {}
        *train, test, meta = self.edition.md5
        try:
            names = tuple(self._load(meta)[f"{key}label_names"])
            for split, batches in (("train", train), ("test", [test])):
                parts = [self._load(name) for name in batches]
                planes = np.concatenate([part["data"] for part in parts]).reshape(-1, 3, 32, 32)
                labels = np.concatenate([part[f"{key}labels"] for part in parts])
                images = np.ascontiguousarray(planes.transpose(0, 2, 3, 1))
                splits[split] = pixel_split(split, images, labels)
        except OSError:
            raise
        except Exception as error:  # of a damaged pickle anything may come
            raise DataError(f"{self.folder} holds no CIFAR batches: {error}") from error
        return Listing(names, splits)

    def _fetch_torchvision(self) -> None:
        from torchvision import datasets

        published = getattr(datasets, self.name.upper())
        with unpacked_archive(published.url, published.tgz_md5, self.root) as folder:
            self.folder.mkdir(parents=True, exist_ok=True)
            for path in self.files():
                (folder / self.edition.folder / path.name).replace(path)

    def _load(self, name: str) -> dict[str, Any]:
        with (self.folder / name).open("rb") as file:
            content: dict[str, Any] = _ArraysOnly(file, encoding="latin1").load()
        return content


class _ArraysOnly(pickle.Unpickler):
    """Reads pickled dicts, lists, strings and numpy arrays; a pickle can call nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """Return the named class if it is one that batches are made of."""
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            import numpy as np

            # numpy 2 moved its module, and warns about the old name
            return np.zeros(0).__reduce__()[0]
        if (module, name) in (("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it wants to call {module}.{name}")


DTD_FOLDER = "dtd/dtd"
DTD_PARTITION = 1  # of the ten that its authors publish; the one that papers and torchvision take


class DTD(Source):
    """Describable Textures (Cimpoi et al., 2014), as torchvision unpacks it.

    5,640 colour images of varying size in 47 classes, with train, val and test splits.
    """

    def __init__(self, name: str, root: Path) -> None:
        super().__init__(name, root)
        self.images = root / DTD_FOLDER / "images"
        self.lists = {
            split: root / DTD_FOLDER / "labels" / f"{split}{DTD_PARTITION}.txt"
            for split in ("train", "val", "test")
        }
        self.providers = {"torchvision's download": self._fetch_torchvision}
        self.by_hand = (
            "unpack dtd-r1.0.1.tar.gz (from the dataset's page, robots.ox.ac.uk/~vgg/data/dtd) in "
            f"{self.root / 'dtd'}, so that {self.images} exists."
        )

    def missing(self) -> list[str]:
        """Return the names of the lists and folders that are not there."""
        wanted = [*self.lists.values(), self.images]
        return [str(path.relative_to(self.root)) for path in wanted if not path.exists()]

    def files(self) -> list[Path]:
        """Return the three lists and every image that they name."""
        names = [name for names in self._entries().values() for name in names]
        return [*self.lists.values(), *(self.images / name for name in names)]

    def listing(self) -> Listing:
        """Read the three lists; the class of an image is its folder."""
        import numpy as np

        entries = self._entries()
        classes = {split: {e.split("/")[0] for e in names} for split, names in entries.items()}
        class_names = tuple(sorted(classes["train"]))
        for split in ("val", "test"):
            if classes[split] != classes["train"]:
                differ = sorted(classes[split] ^ classes["train"])
                raise DataError(f"dtd: train and {split} differ in the classes {differ}")
        number = {name: n for n, name in enumerate(class_names)}
        splits = {
            split: SourceSplit(
                labels=np.array([number[e.split("/")[0]] for e in names], dtype=np.int64),
                names=names,
                items=FileItems([self.images / name for name in names]),
            )
            for split, names in entries.items()
        }
        return Listing(class_names, splits)

    def _fetch_torchvision(self) -> None:
        from torchvision.datasets import DTD as published

        with unpacked_archive(published._URL, published._MD5, self.root) as folder:
            target = self.root / DTD_FOLDER
            target.parent.mkdir(parents=True, exist_ok=True)
            (folder / "dtd").rename(target)

    def _entries(self) -> dict[str, list[str]]:
        """The names `class/file` that each list holds."""
        try:
            return {split: path.read_text().split() for split, path in self.lists.items()}
        except UnicodeDecodeError as error:
            raise DataError(
                f"{self.lists['train'].parent} holds no lists of files: {error}"
            ) from None


def pixel_split(name: str, images: np.ndarray, labels: np.ndarray) -> SourceSplit:
    """Return a split of images (N, H, W, C) uint8 and labels (N,) that are named by number."""
    names = [f"{name}/{number}" for number in range(len(labels))]
    return SourceSplit(labels.astype("int64"), names, PixelItems(images))


@contextmanager
def scratch(root: Path, prefix: str) -> Iterator[Path]:
    """Make a folder below the data folder, for a while: what is in it can be moved in place."""
    (root / ".cache").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root / ".cache", prefix=prefix) as folder:
        yield Path(folder)


@contextmanager
def unpacked_archive(url: str, md5: str, root: Path) -> Iterator[Path]:
    """Download a tar archive and unpack it into a folder, which stays for a while."""
    with scratch(root, "download-") as folder:
        archive = folder / url.rpartition("/")[2]
        download(url, archive, md5)
        unpack(archive, folder / "unpacked")
        yield folder / "unpacked"
