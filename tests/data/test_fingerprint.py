from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cvlib.data import fingerprint as module
from cvlib.data.arrays import DataUnavailable
from cvlib.data.load import fingerprint, load
from cvlib.data.spec import DatasetSpec
from tests.data.made import encoded, picture

Make = Callable[..., Path]
SPEC = DatasetSpec(name="imagefolder:pictures", subset=20, test_subset=6)


def change_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(bytes(data))


def test_it_is_the_documented_hash(root: Path, make_folder: Make) -> None:
    base = make_folder({"a": 30, "b": 30})
    data = load(SPEC, root)
    expected = hashlib.sha256(json.dumps({"class_names": ["a", "b"], "format": 1}).encode())
    for split in ("train", "val", "test"):
        content = getattr(data, split)
        expected.update(f"{split}:{len(content)};".encode())
        for name, label in zip(content.names, content.labels.tolist(), strict=True):
            expected.update(hashlib.sha256((base / name).read_bytes()).digest())
            expected.update(label.to_bytes(8, "little"))
    assert data.fingerprint == fingerprint(SPEC, root) == expected.hexdigest()


def test_a_byte_of_a_used_image_changes_it_and_of_an_unused_one_does_not(
    root: Path, make_folder: Make
) -> None:
    base = make_folder({"a": 30, "b": 30})
    data = load(SPEC, root)
    used = {*data.train.names, *data.val.names, *data.test.names}
    assert len(used) == 26
    unused = next(n for n in (f"a/{i:03}.png" for i in range(30)) if n not in used)
    change_a_byte(base / unused)
    assert fingerprint(SPEC, root) == data.fingerprint
    change_a_byte(base / data.val.names[0])
    assert fingerprint(SPEC, root) != data.fingerprint


def test_a_label_or_a_class_name_changes_it(root: Path, make_folder: Make) -> None:
    base = make_folder({"a": 30, "b": 30})
    before = fingerprint(SPEC, root)
    (base / "b").rename(base / "c")
    renamed = fingerprint(SPEC, root)
    assert renamed != before
    (base / "c").rename(base / "b")
    assert fingerprint(SPEC, root) == before


def test_it_depends_on_what_is_chosen_and_not_on_how_it_is_shown(
    root: Path, make_folder: Make
) -> None:
    make_folder({"a": 30, "b": 30})
    before = fingerprint(SPEC, root)
    for change in (
        {"subset": 21},
        {"split_seed": 1},
        {"val_fraction": 0.2},
        {"test_fraction": 0.3},
    ):
        assert fingerprint(SPEC.model_copy(update=change), root) != before
    for change in ({"image_size": 8}, {"channels": 1}):
        assert fingerprint(SPEC.model_copy(update=change), root) == before


def test_it_does_not_depend_on_where_the_files_lie(
    root: Path, make_folder: Make, tmp_path: Path
) -> None:
    base = make_folder({"a": 30, "b": 30})
    before = fingerprint(SPEC, root)
    shutil.copytree(base, tmp_path / "elsewhere" / "photos")
    away = SPEC.model_copy(update={"name": f"imagefolder:{tmp_path / 'elsewhere' / 'photos'}"})
    assert fingerprint(away, root) == before
    assert fingerprint(away, tmp_path / "other" / "data") == before


def test_the_second_call_reads_no_image(
    root: Path, make_folder: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = make_folder({"a": 30, "b": 30})
    for path in base.rglob("*.png"):
        os.utime(path, (1, 1))
    time.sleep(0.15)  # files younger than a tick of the clock are read again
    before = fingerprint(SPEC, root)
    monkeypatch.setattr(module, "compute_fingerprint", lambda *args: pytest.fail("read again"))
    assert fingerprint(SPEC, root) == before


def test_a_restored_modification_time_does_not_hide_a_change(root: Path, make_folder: Make) -> None:
    base = make_folder({"a": 30, "b": 30})
    time.sleep(0.15)
    before = fingerprint(SPEC, root)
    path = base / load(SPEC, root).train.names[0]
    stat = path.stat()
    change_a_byte(path)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert fingerprint(SPEC, root) != before


def test_files_that_just_changed_are_not_trusted(root: Path, make_folder: Make) -> None:
    make_folder({"a": 10, "b": 10})
    spec = DatasetSpec(name="imagefolder:pictures")
    fingerprint(spec, root)
    assert not (root / ".cache" / "fingerprints").exists()


def test_a_damaged_cache_entry_is_said_and_worked_out_again(
    root: Path, make_folder: Make, caplog: pytest.LogCaptureFixture
) -> None:
    make_folder({"a": 30, "b": 30})
    time.sleep(0.15)
    before = fingerprint(SPEC, root)
    (entry,) = (root / ".cache" / "fingerprints").iterdir()
    whole = entry.read_bytes()
    for n in range(0, len(whole), 7):
        for damaged in (whole[:n], whole[:n] + bytes([whole[n] ^ 1]) + whole[n + 1 :]):
            entry.write_bytes(damaged)
            caplog.clear()
            assert fingerprint(SPEC, root) == before
            assert [m.split(" was")[0] for m in caplog.messages] == [str(entry)]
            assert entry.read_bytes() == whole


def test_added_images_are_noticed(root: Path, make_folder: Make) -> None:
    base = make_folder({"a": 30, "b": 30})
    spec = DatasetSpec(name="imagefolder:pictures")
    time.sleep(0.15)
    before = fingerprint(spec, root)
    (base / "a" / "new.png").write_bytes(encoded(picture(7)))
    assert fingerprint(spec, root) != before


def test_digits_have_one_fingerprint_for_ever(root: Path) -> None:
    """Written down once: it changes only with the definition, the splits or the data."""
    expected = "7e337da95fb0db5260243063dbe12314d9dc70728db07cb02d48d2caec25cf90"
    assert fingerprint(DatasetSpec(name="digits"), root) == expected


def test_data_that_are_not_here_have_none(root: Path) -> None:
    with pytest.raises(DataUnavailable, match="fashion_mnist is not on disk"):
        fingerprint(DatasetSpec(name="fashion_mnist"), root)


def test_it_is_of_the_pixels_for_data_without_image_files(root: Path) -> None:
    spec = DatasetSpec(name="digits")
    data = load(spec, root)
    expected = hashlib.sha256()
    names = [str(n) for n in range(10)]
    expected.update(json.dumps({"class_names": names, "format": 1}).encode())
    for split in ("train", "val", "test"):
        content = getattr(data, split)
        expected.update(f"{split}:{len(content)};".encode())
        for image, label in zip(content.images, content.labels, strict=True):
            expected.update(hashlib.sha256(image.tobytes()).digest())
            expected.update(np.int64(label).astype("<i8").tobytes())
    assert data.fingerprint == expected.hexdigest()
