from __future__ import annotations

import gzip
import hashlib
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cvlib.data.arrays import DataError
from cvlib.data.load import load
from cvlib.data.sources import open_source, published
from cvlib.data.spec import DatasetSpec
from tests.data.made import encoded, picture


def test_digits_are_scikit_learns(root: Path) -> None:
    from sklearn.datasets import load_digits

    listing = published.Digits("digits", root).listing()
    expected = load_digits()
    split = listing.splits["train"]
    assert np.array_equal(split.labels, expected.target)
    assert np.array_equal(split.items.images[..., 0], np.rint(expected.images * 255 / 16))


def test_digits_load_without_network_with_a_test_split_cut_by_seed(root: Path) -> None:
    data = load(DatasetSpec(name="digits"), root)
    assert [len(s) for s in (data.train, data.val, data.test)] == [1294, 144, 359]
    used = np.concatenate([data.train.ids, data.val.ids, data.test.ids])
    assert np.array_equal(np.sort(used), np.arange(1797))
    assert data.train.images.shape[1:] == (8, 8, 1) and data.train.images.dtype == np.uint8
    assert data.train.labels.dtype == np.int64
    assert data.test.names[0] == f"all/{data.test.ids[0]}"


def idx(array: np.ndarray) -> bytes:
    return (
        bytes([0, 0, 8, array.ndim])
        + struct.pack(f">{array.ndim}I", *array.shape)
        + array.tobytes()
    )


@pytest.fixture
def small_fashion_mnist(root: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Files in Fashion-MNIST's format, whose checksums are made the published ones."""
    rng = np.random.default_rng(0)
    files = {}
    for stem, count in (("train", 100), ("t10k", 50)):
        images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        files[f"{stem}-images-idx3-ubyte"] = idx(images)
        files[f"{stem}-labels-idx1-ubyte"] = idx((np.arange(count) % 10).astype(np.uint8))
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    monkeypatch.setattr(published, "SHA256", digests)
    return files


@pytest.mark.parametrize("packed", [False, True])
def test_idx_files_are_read_plain_or_packed(
    root: Path, small_fashion_mnist: dict[str, bytes], packed: bool
) -> None:
    folder = root / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    spec = DatasetSpec(name="fashion_mnist")
    assert open_source(spec.name, root).missing()
    for name, content in small_fashion_mnist.items():
        path = folder / (f"{name}.gz" if packed else name)
        path.write_bytes(gzip.compress(content) if packed else content)
    assert not open_source(spec.name, root).missing()
    data = load(spec, root)
    assert [len(s) for s in (data.train, data.val, data.test)] == [90, 10, 50]
    first = np.frombuffer(small_fashion_mnist["t10k-images-idx3-ubyte"][16:], np.uint8)[:784]
    assert np.array_equal(data.test.images[0].ravel(), first)
    assert data.test.names[3] == "test/3" and data.class_names[9] == "Ankle boot"


def test_a_changed_byte_fails_the_checksum(
    root: Path, small_fashion_mnist: dict[str, bytes]
) -> None:
    folder = root / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    for name, content in small_fashion_mnist.items():
        changed = content[:-1] + bytes([content[-1] ^ 1])
        (folder / name).write_bytes(changed if name.startswith("train-im") else content)
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte is damaged .* sha256"):
        load(DatasetSpec(name="fashion_mnist"), root)


def test_a_cut_off_idx_file_is_named() -> None:
    whole = idx(np.zeros((3, 4), np.uint8))
    with pytest.raises(DataError, match="train-images is cut off"):
        published.read_idx(whole[:-1], "train-images")
    with pytest.raises(DataError, match="no idx file"):
        published.read_idx(b"<html>", "train-images")


def write_cifar(root: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    edition = published.EDITIONS[name]
    folder = root / edition.folder
    folder.mkdir(parents=True)
    rng = np.random.default_rng(1)
    digests, images = {}, []
    classes = 10 if name == "cifar10" else 100
    *batches, meta = edition.md5
    for file in batches:
        pixels = rng.integers(0, 256, (200, 3072), dtype=np.uint8)
        content = {"data": pixels, f"{edition.key}labels": [n % classes for n in range(200)]}
        (folder / file).write_bytes(pickle.dumps(content, protocol=2))
        images.append(pixels)
    names = {f"{edition.key}label_names": [f"name {n}" for n in range(classes)]}
    (folder / meta).write_bytes(pickle.dumps(names, protocol=2))
    for path in folder.iterdir():
        digests[path.name] = hashlib.md5(path.read_bytes()).hexdigest()
    edition.md5.update(digests)
    return np.stack(images)


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_cifar_archives_are_read(name: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edition = published.EDITIONS[name]
    monkeypatch.setitem(published.EDITIONS, name, edition._replace(md5=dict(edition.md5)))
    pixels = write_cifar(root, name, monkeypatch)
    data = load(DatasetSpec(name=name), root)
    assert len(data.test) == 200 and data.class_names[1] == "name 1"
    # Pixels are stored plane by plane: value (row 2, column 5, green) of test image 7.
    assert data.test.images[7, 2, 5, 1] == pixels[-1, 7, 1024 + 2 * 32 + 5]
    assert data.test.labels[7] == 7


def test_a_pickle_that_calls_something_is_refused(root: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return (print, ("called",))

    source = published.CIFAR("cifar10", root)
    source.folder.mkdir(parents=True)
    (source.folder / "batches.meta").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(DataError, match=r"wants to call builtins\.print"):
        source.listing()


def test_dtd_uses_its_own_val_split(root: Path) -> None:
    home = root / "dtd" / "dtd"
    (home / "labels").mkdir(parents=True)
    for split, numbers in (("train", range(4)), ("val", range(4, 6)), ("test", range(6, 8))):
        entries = [f"{c}/{c}_{n}.jpg" for c in ("dotted", "woven") for n in numbers]
        (home / "labels" / f"{split}1.txt").write_text("\n".join(entries) + "\n")
        for entry in entries:
            (home / "images" / entry).parent.mkdir(parents=True, exist_ok=True)
            image = picture(len(entry) + numbers[0], (20 + numbers[0], 24))
            (home / "images" / entry).write_bytes(encoded(image, "JPEG"))
    data = load(DatasetSpec(name="dtd", image_size=16), root)
    assert [len(s) for s in (data.train, data.val, data.test)] == [8, 4, 4]
    assert data.class_names == ("dotted", "woven")
    assert data.val.names[0] == "dotted/dotted_4.jpg"
    (home / "images" / "dotted" / "dotted_6.jpg").unlink()
    gone = load(DatasetSpec(name="dtd", image_size=16), root).unreadable
    assert [(u.name, "No such file" in u.reason) for u in gone] == [("dotted/dotted_6.jpg", True)]


def test_a_folder_that_is_not_there_is_not_local(
    root: Path, make_folder: Callable[..., Path]
) -> None:
    assert open_source("imagefolder:pictures", root).missing()
    make_folder({"a": 1})
    assert not open_source("imagefolder:pictures", root).missing()
