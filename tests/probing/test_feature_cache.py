"""Features are made once for what they are features of, and never read when they are not whole."""

from __future__ import annotations

import logging
import multiprocessing
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cvlib.files import read_note, sealed_json
from cvlib.probing.feature_cache import cached_features, feature_key
from cvlib.training.outcome import Interrupted

IDENTITY: dict[str, Any] = {"backbone": "resnet18", "pooling": "average", "size": 96}
ARRAY = np.arange(12, dtype=np.float32).reshape(4, 3)


class Maker:
    """Gives ARRAY and counts how often it was asked."""

    calls = 0

    def __call__(self) -> np.ndarray:
        self.calls += 1
        time.sleep(0.02)
        return ARRAY


def folder_of(root: Path) -> Path:
    key = feature_key(IDENTITY)
    return root / key[:2] / key


def test_features_are_made_once_and_then_mapped_from_disk(tmp_path):
    make = Maker()
    first = cached_features(tmp_path, IDENTITY, make)
    second = cached_features(tmp_path, IDENTITY, make)
    assert make.calls == 1
    assert (first.made, second.made) == (True, False)
    for features in (first, second):
        assert isinstance(features.array, np.memmap)
        assert not features.array.flags.writeable
        np.testing.assert_array_equal(features.array, ARRAY)


def test_seconds_of_the_making_stay_with_the_features(tmp_path):
    first = cached_features(tmp_path, IDENTITY, Maker())
    second = cached_features(tmp_path, IDENTITY, Maker())
    assert first.seconds.wall >= 0.02 > first.seconds.compute >= 0, "it slept"
    assert second.seconds == first.seconds
    assert second.images_per_second == pytest.approx(4 / first.seconds.wall)


def test_features_that_do_not_say_what_they_cost_to_compute_are_made_once_more(tmp_path, caplog):
    cached_features(tmp_path, IDENTITY, Maker())
    note = folder_of(tmp_path) / "meta.json"
    meta = read_note(note)
    del meta["compute_seconds"]
    note.write_bytes(sealed_json(meta).encode())
    assert cached_features(tmp_path, IDENTITY, Maker()).made and not caplog.records
    assert not cached_features(tmp_path, IDENTITY, Maker()).made


def test_the_order_of_an_identitys_fields_is_no_difference(tmp_path):
    make = Maker()
    cached_features(tmp_path, IDENTITY, make)
    cached_features(tmp_path, dict(reversed(IDENTITY.items())), make)
    assert make.calls == 1


@pytest.mark.parametrize("field", IDENTITY)
def test_another_identity_never_reuses_a_file(tmp_path, field):
    make = Maker()
    cached_features(tmp_path, IDENTITY, make)
    assert cached_features(tmp_path, IDENTITY | {field: "other"}, make).made
    assert cached_features(tmp_path, IDENTITY | {"new": None}, make).made
    assert make.calls == 3


def _truncate(folder: Path) -> None:
    file = folder / "features.npy"
    file.write_bytes(file.read_bytes()[:-4])


def _flip_a_bit(folder: Path) -> None:
    file = folder / "features.npy"
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(bytes(content))


def _other_meta(folder: Path) -> None:
    meta = read_note(folder / "meta.json")
    meta["identity"]["pooling"] = "cls"
    (folder / "meta.json").write_text(sealed_json(meta))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "truncated": _truncate,
    "a bit flipped": _flip_a_bit,
    "array gone": lambda folder: (folder / "features.npy").unlink(),
    "meta gone": lambda folder: (folder / "meta.json").unlink(),
    "meta half written": lambda folder: (folder / "meta.json").write_text('{"identity'),
    "meta empty": lambda folder: (folder / "meta.json").write_text("{}"),
    "meta no object": lambda folder: (folder / "meta.json").write_text("3"),
    "meta of other features": _other_meta,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_features_are_made_anew_with_one_warning(tmp_path, caplog, damage):
    make = Maker()
    cached_features(tmp_path, IDENTITY, make)
    DAMAGES[damage](folder_of(tmp_path))
    with caplog.at_level(logging.WARNING):
        again = cached_features(tmp_path, IDENTITY, make)
        cached_features(tmp_path, IDENTITY, make)
    assert make.calls == 2
    assert again.made
    np.testing.assert_array_equal(again.array, ARRAY)
    assert len(caplog.records) == 1
    assert str(folder_of(tmp_path)) in caplog.text


@pytest.mark.parametrize("error", [Interrupted, KeyboardInterrupt, RuntimeError])
def test_a_making_that_fails_leaves_nothing(tmp_path, error):
    def fail() -> np.ndarray:
        raise error

    with pytest.raises(error):
        cached_features(tmp_path, IDENTITY, fail)
    assert [path for path in tmp_path.rglob("*") if path.suffix in (".npy", ".json")] == []
    assert cached_features(tmp_path, IDENTITY, Maker()).made


def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def full_disk(file: Any, array: np.ndarray) -> None:
        file.write(b"half")
        raise OSError("No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(np, "save", full_disk)
        with pytest.raises(OSError, match="No space"):
            cached_features(tmp_path, IDENTITY, Maker())
    assert list(folder_of(tmp_path).parent.iterdir()) == []
    assert cached_features(tmp_path, IDENTITY, Maker()).made


def _process(root: Path, start: Any, results: Any) -> None:
    def make() -> np.ndarray:
        with (root / "made.txt").open("a") as file:
            file.write("made\n")
        time.sleep(0.3)
        return ARRAY

    start.wait()
    features = cached_features(root, IDENTITY, make)
    results.put((features.made, features.seconds, float(features.array.sum())))


def test_of_two_processes_one_makes_and_the_other_waits(tmp_path):
    context = multiprocessing.get_context("spawn")
    start, results = context.Barrier(2), context.Queue()
    processes = [
        context.Process(target=_process, args=(tmp_path, start, results)) for _ in range(2)
    ]
    for process in processes:
        process.start()
    answers = [results.get(timeout=50) for _ in processes]
    for process in processes:
        process.join()
    assert (tmp_path / "made.txt").read_text() == "made\n"
    assert sorted(made for made, _, _ in answers) == [False, True]
    assert answers[0][1:] == answers[1][1:]


def test_a_cache_that_is_removed_meanwhile_is_there_again(tmp_path):
    root = tmp_path / "features"

    def make() -> np.ndarray:
        shutil.rmtree(root)
        return ARRAY

    assert cached_features(root, IDENTITY, make).made
    assert not cached_features(root, IDENTITY, Maker()).made


def test_what_a_killed_process_left_is_not_read(tmp_path):
    folder = folder_of(tmp_path)
    staged = folder.parent / f".staged-{folder.name}-1"
    staged.mkdir(parents=True)
    (staged / "features.npy").write_bytes(b"half")
    features = cached_features(tmp_path, IDENTITY, Maker())
    assert features.made
    np.testing.assert_array_equal(features.array, ARRAY)
