from __future__ import annotations

import os
import re
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvlib.data.arrays import DataError
from cvlib.data.load import load
from cvlib.data.sources import open_source
from cvlib.data.sources.imagefolder import ImageFolder
from cvlib.data.spec import DatasetSpec
from tests.data.made import encoded, picture

Make = Callable[..., Path]
SPEC = DatasetSpec(name="imagefolder:pictures")


def listing_of(root: Path) -> dict[str, int]:
    listing = open_source(SPEC.name, root).listing()
    return {split: len(content.labels) for split, content in listing.splits.items()}


def test_one_folder_is_cut_into_three_by_seed(root: Path, make_folder: Make) -> None:
    make_folder({"cat": 20, "dog": 30})
    data = load(SPEC, root)
    assert data.class_names == ("cat", "dog")
    assert [len(s) for s in (data.train, data.val, data.test)] == [36, 4, 10]
    names = [*data.train.names, *data.val.names, *data.test.names]
    assert len(set(names)) == 50 and "dog/000.png" in names
    for split in (data.train, data.val, data.test):
        assert [n.split("/")[0] == "dog" for n in split.names] == (split.labels == 1).tolist()
    other = load(SPEC.model_copy(update={"split_seed": 1}), root)
    assert list(other.test.names) != list(data.test.names)


@pytest.mark.parametrize("val", ["val", "valid", "Validation"])
def test_split_folders_are_used_as_they_are(root: Path, make_folder: Make, val: str) -> None:
    make_folder({f"{s}/{c}": n for s, n in (("train", 9), (val, 3), ("test", 4)) for c in "ab"})
    data = load(SPEC, root)
    assert [len(s) for s in (data.train, data.val, data.test)] == [18, 6, 8]
    assert data.val.names[0] == f"{val}/a/000.png"
    with pytest.raises(DataError, match="own test split"):
        load(SPEC.model_copy(update={"test_fraction": 0.2}), root)


def test_a_rare_class_survives_a_small_subset(root: Path, make_folder: Make) -> None:
    make_folder({"common": 200, "rare": 4})
    data = load(SPEC.model_copy(update={"subset": 40}), root)
    for split in (data.train, data.val, data.test):
        assert set(split.labels.tolist()) == {0, 1}


def test_missing_splits_are_cut_from_train(root: Path, make_folder: Make) -> None:
    make_folder({f"{s}/{c}": n for s, n in (("train", 20), ("val", 5)) for c in "ab"})
    data = load(SPEC, root)
    assert [len(s) for s in (data.train, data.val, data.test)] == [32, 10, 8]
    assert all(name.startswith("train/") for name in data.test.names)


def test_split_folders_without_train_are_refused(root: Path, make_folder: Make) -> None:
    make_folder({"test/a": 3, "test/b": 3})
    with pytest.raises(DataError, match="no train folder"):
        load(SPEC, root)


def test_two_folders_for_one_split_are_refused(root: Path, make_folder: Make) -> None:
    make_folder({"train/a": 3, "val/a": 3, "valid/a": 3})
    with pytest.raises(DataError, match="both mean val"):
        load(SPEC, root)


def test_a_class_may_be_called_train(root: Path, make_folder: Make) -> None:
    make_folder({"bus": 10, "car": 10, "train": 10})
    assert load(SPEC, root).class_names == ("bus", "car", "train")


def test_nested_folders_are_classes_by_their_relative_path(root: Path, make_folder: Make) -> None:
    make_folder({"animals/cat": 10, "animals/dog": 10, "plants": 10})
    assert load(SPEC, root).class_names == ("animals/cat", "animals/dog", "plants")


def test_wrapping_folders_are_stepped_through(root: Path, make_folder: Make) -> None:
    make_folder({"zip/photos/train/a": 10, "zip/photos/train/b": 10})
    assert load(SPEC, root).class_names == ("a", "b")


def test_path_may_be_relative_absolute_or_at_home(
    root: Path, make_folder: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = make_folder({"a": 10, "b": 10})
    monkeypatch.setenv("HOME", str(base.parent))
    values = {
        load(DatasetSpec(name=f"imagefolder:{path}"), root).fingerprint
        for path in ("pictures", str(base), "~/pictures")
    }
    assert len(values) == 1


def test_other_files_are_listed_as_ignored(root: Path, make_folder: Make) -> None:
    base = make_folder({"train/a": 10, "train/b": 10, "extra/a": 2})
    (base / "train" / "loose.png").write_bytes(encoded(picture(0)))
    (base / "train" / "a" / "notes.txt").write_text("x")
    (base / "train" / "a" / ".DS_Store").write_text("x")
    (base / "train" / "a" / "._000.png").write_text("x")
    listing = open_source(SPEC.name, root).listing()
    assert listing.ignored == (
        ("extra/a/000.png", "not in a train, val or test folder"),
        ("extra/a/001.png", "not in a train, val or test folder"),
        ("train/a/notes.txt", "no image file"),
        ("train/loose.png", "not in a class folder"),
    )


def test_unreadable_images_are_left_out_and_listed(root: Path, make_folder: Make) -> None:
    base = make_folder({"a": 30, "b": 30})
    (base / "a" / "003.png").write_bytes(b"")
    (base / "a" / "004.png").write_bytes((base / "a" / "005.png").read_bytes()[:-40])
    (base / "b" / "zzz.jpg").write_bytes(b"<html>not found</html>")
    (base / "b" / "gone.png").symlink_to(base / "nowhere.png")
    data = load(SPEC, root)
    reasons = {u.name: u.reason for u in data.unreadable}
    assert set(reasons) == {"a/003.png", "a/004.png", "b/zzz.jpg", "b/gone.png"}
    assert reasons["a/003.png"] == "the file is empty"
    assert "truncated" in reasons["a/004.png"] and "No such file" in reasons["b/gone.png"]
    assert sum(map(len, (data.train, data.val, data.test))) == 58
    names = [*data.train.names, *data.val.names, *data.test.names]
    assert not set(names) & set(reasons)
    assert load(SPEC, root).unreadable == data.unreadable  # from the cache as well


def test_mixed_modes_and_sizes_become_one_array(root: Path) -> None:
    folder = root.parent / "pictures"
    kinds = [
        ("L", "PNG"),
        ("RGBA", "PNG"),
        ("P", "GIF"),
        ("CMYK", "JPEG"),
        ("1", "PNG"),
        ("RGB", "WEBP"),
    ]
    for c in ("a", "b"):
        (folder / c).mkdir(parents=True)
        for n, (mode, kind) in enumerate(kinds * 3):
            image = picture(n, (20 + 7 * n, 40 - n), mode)
            (folder / c / f"{n}.{kind.lower()}").write_bytes(encoded(image, kind))
    with pytest.raises(DataError, match=r"different sizes .*image_size: 96"):
        load(SPEC, root)
    data = load(SPEC.model_copy(update={"image_size": 24}), root)
    assert data.train.images.shape[1:] == (24, 24, 3) and data.unreadable == ()
    grey = load(SPEC.model_copy(update={"image_size": 24, "channels": 1}), root)
    assert grey.train.images.shape[1:] == (24, 24, 1)


def test_channels_follow_the_images(root: Path, make_folder: Make) -> None:
    base = make_folder({"a": 10, "b": 10})
    for path in base.rglob("*.png"):
        path.write_bytes(encoded(picture(1, mode="L")))
    assert load(SPEC, root).train.images.shape[-1] == 1
    (base / "b" / "000.png").write_bytes(encoded(picture(1)))
    assert load(SPEC, root).train.images.shape[-1] == 3


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"a": 30}, "only one class"),
        (
            {"train/a": 9, "train/b": 9, "test/a": 3, "test/c": 3},
            "only in train: 'b'; only in test: 'c'",
        ),
        ({"a": 30, "b": 1}, "'b' has 1 image, too few"),
        ({"": 5}, "lie directly in"),
    ],
)
def test_unusable_folders_are_named(
    root: Path, make_folder: Make, counts: dict[str, int], message: str
) -> None:
    make_folder(counts)
    with pytest.raises(DataError, match=message):
        load(SPEC, root)


def test_an_empty_class_folder_is_an_error(root: Path, make_folder: Make) -> None:
    (make_folder({"a": 10, "b": 10}) / "c").mkdir()
    with pytest.raises(DataError, match="'c' is empty"):
        load(SPEC, root)


def test_a_class_without_a_readable_image_is_an_error(root: Path, make_folder: Make) -> None:
    base = make_folder({"a": 10, "b": 10})
    for path in (base / "b").iterdir():
        path.write_bytes(b"broken")
    with pytest.raises(DataError, match="no image of 'b' in train can be read"):
        load(SPEC.model_copy(update={"image_size": 8}), root)


def test_links_are_followed_inside_and_loops_are_not(root: Path, make_folder: Make) -> None:
    base = make_folder({"a": 10, "x/c": 10})
    (base / "b").symlink_to(base / "x" / "c")
    (base / "a" / "loop").symlink_to(base)
    source = ImageFolder(SPEC.name, root)
    assert source.listing().class_names == ("a", "b", "x/c")
    assert ("a/loop", "a link to a folder above it") in source.listing().ignored


def test_links_out_of_the_folder_are_refused(
    root: Path, make_folder: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = make_folder({"a": 10, "b": 10})
    elsewhere = make_folder({"c": 10}, home="elsewhere")
    for name, target in (
        ("c", elsewhere / "c"),
        ("a/one.png", elsewhere / "c" / "000.png"),
        ("a/zero.png", Path("/dev/zero")),
        ("a/gone.png", Path("/nowhere/x.png")),
    ):
        (base / name).symlink_to(target)
        with pytest.raises(DataError, match=f"'{name}' is a link out of the folder, to '{target}"):
            load(SPEC, root)
        if "zero" not in name:
            monkeypatch.setenv("CVLIB_OUTSIDE_LINKS", "1")
            load(SPEC, root)
            monkeypatch.delenv("CVLIB_OUTSIDE_LINKS")
        (base / name).unlink()
    (root.parent / "linked").symlink_to(base)  # the folder itself may be one
    assert load(DatasetSpec(name="imagefolder:linked"), root).class_names == ("a", "b")


def test_links_that_multiply_are_refused_at_once(root: Path, make_folder: Make) -> None:
    folders = [f"f{n}" for n in range(12)]
    base = make_folder(dict.fromkeys(folders, 1))
    for one in folders:
        for other in folders:
            (base / one / f"to-{other}").symlink_to(base / other)
    start = time.monotonic()
    with pytest.raises(DataError, match="ever more ways"):
        load(SPEC, root)
    assert time.monotonic() - start < 1
    for one in folders:
        for other in folders:
            (base / one / f"to-{other}").unlink()
    (base / "f0" / "self.png").symlink_to("self.png")
    with pytest.raises(DataError, match=r"'f0/self.png' cannot be read"):
        load(SPEC, root)
    (base / "f0" / "self.png").unlink()
    os.makedirs(base / "f0" / "/".join(["d"] * 300))  # noqa: PTH103
    with pytest.raises(DataError, match="too deep"):
        load(SPEC, root)


def test_pipes_are_refused_and_not_waited_for(root: Path, make_folder: Make) -> None:
    base = make_folder({"a": 10, "b": 10})
    os.mkfifo(base / "a" / "pipe.png")
    with pytest.raises(DataError, match=r"'a/pipe.png' is a pipe"):
        load(SPEC, root)


@pytest.mark.parametrize("name", [b"caf\xe9", b"two\nlines", b"\x1b[2J", "a\u2028b".encode()])
def test_names_that_cannot_be_shown_are_refused(root: Path, make_folder: Make, name: bytes) -> None:
    base = make_folder({"a": 10, "b": 10})
    shown = re.escape(repr(os.fsdecode(name)))
    (base / "a").rename(base / os.fsdecode(name))
    with pytest.raises(DataError, match=f"class name {shown} is not UTF-8 or holds control"):
        open_source(SPEC.name, root).listing()
    (base / os.fsdecode(name)).rename(base / "a")
    (base / "a" / "000.png").rename(base / "a" / os.fsdecode(name + b".png"))
    with pytest.raises(DataError, match=r"name of a file in 'a': .* rename it"):
        load(SPEC, root)


def test_a_test_folder_without_labels_is_described(root: Path, make_folder: Make) -> None:
    make_folder({"train/a": 10, "train/b": 10, "test": 2})
    listing = open_source(SPEC.name, root).listing()
    why = "no label: of test, but not in a class folder"
    assert listing.ignored == (("test/000.png", why), ("test/001.png", why))
    assert len(load(SPEC, root).test) == 4


def test_split_folders_without_classes_are_no_classes(root: Path, make_folder: Make) -> None:
    make_folder({"train": 10, "test": 10})
    with pytest.raises(DataError, match="lie directly in test, train"):
        load(SPEC, root)


def test_a_folder_that_cannot_be_read_is_named(
    root: Path, make_folder: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = make_folder({"a": 10, "b": 10})
    real = os.scandir

    def scandir(path: Path) -> object:
        if Path(path).name == "b":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(DataError, match=r"'b' cannot be read \(Permission denied\)"):
        load(SPEC, root)
    assert base.exists()


def test_accents_are_the_same_class_however_the_file_system_spells_them(root: Path) -> None:
    folder = root.parent / "pictures"
    for split, form in (("train", "NFC"), ("test", "NFD")):
        for c in ("café", "zebra"):
            path = folder / split / unicodedata.normalize(form, c)
            path.mkdir(parents=True)
            for n in range(4):
                (path / f"{n}.png").write_bytes(encoded(picture(n)))
    data = load(SPEC, root)
    assert data.class_names == ("café", "zebra") and len(data.test) == 8
    path.with_name(unicodedata.normalize("NFC", "café")).mkdir()
    (path.with_name(unicodedata.normalize("NFC", "café")) / "new.png").write_bytes(b"")
    with pytest.raises(DataError, match="two folders are called 'café'"):
        load(SPEC, root)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_listed(root: Path, make_folder: Make) -> None:
    base = make_folder({"a": 10, "b": 10})
    (base / "a" / "000.png").chmod(0)
    assert [u.name for u in load(SPEC, root).unreadable] == ["a/000.png"]


def test_pixels_are_those_of_the_files(root: Path, make_folder: Make) -> None:
    base = make_folder({"a": 10, "b": 10})
    data = load(SPEC, root)
    for split in (data.train, data.val, data.test):
        for image, name in zip(split.images, split.names, strict=True):
            assert np.array_equal(image, np.asarray(Image.open(base / name)))
