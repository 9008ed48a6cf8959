from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cvlib.data import decode
from cvlib.data.arrays import DataError
from cvlib.data.load import load
from cvlib.data.spec import DatasetSpec
from tests.data.made import encoded, picture

Make = Callable[..., Path]
SPEC = DatasetSpec(name="imagefolder:pictures", image_size=8)


def cached(root: Path) -> list[str]:
    folder = root / ".cache" / "images"
    return sorted(p.name for p in folder.iterdir()) if folder.exists() else []


def test_images_are_decoded_once(
    root: Path, make_folder: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_folder({"a": 10, "b": 10})
    first = load(SPEC, root)
    monkeypatch.setattr(decode, "decode_all", lambda *args: pytest.fail("decoded again"))
    second = load(SPEC, root)
    for split in ("train", "val", "test"):
        assert np.array_equal(getattr(first, split).images, getattr(second, split).images)


def test_what_changes_the_pixels_makes_a_cache_of_its_own(root: Path, make_folder: Make) -> None:
    base = make_folder({"a": 10, "b": 10})
    load(SPEC, root)
    load(SPEC.model_copy(update={"val_fraction": 0.3}), root)  # the same images: shared
    assert len(cached(root)) == 1
    load(SPEC.model_copy(update={"image_size": 12}), root)
    load(SPEC.model_copy(update={"channels": 1}), root)
    assert len(cached(root)) == 3
    (base / "a" / "000.png").write_bytes(encoded(picture(99)))
    load(SPEC, root)
    assert len(cached(root)) == 4


def test_arrays_are_resized_too(root: Path) -> None:
    data = load(DatasetSpec(name="digits", image_size=16, channels=3, subset=100), root)
    assert data.train.images.shape == (90, 16, 16, 3)
    assert np.array_equal(data.train.images[..., 0], data.train.images[..., 2])


def test_an_error_half_way_leaves_nothing(
    root: Path, make_folder: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_folder({"a": 10, "b": 10})
    real = decode.decode_all

    def fails(*args: object) -> object:
        for n, array in enumerate(real(*args)):
            if n == 7:
                raise MemoryError
            yield array

    monkeypatch.setattr(decode, "decode_all", fails)
    with pytest.raises(MemoryError):
        load(SPEC, root)
    assert cached(root) == []


def test_a_killed_process_leaves_no_half_cache(root: Path, make_folder: Make) -> None:
    make_folder({"a": 10, "b": 10})
    code = f"""
        import os, signal
        from pathlib import Path
        from cvlib.data import decode
        from cvlib.data.load import load
        from cvlib.data.spec import DatasetSpec
        real = decode.decode_all
        def dies(*args):
            for n, array in enumerate(real(*args)):
                if n == 7:
                    os.kill(os.getpid(), signal.SIGKILL)
                yield array
        decode.decode_all = dies
        load(DatasetSpec(name={SPEC.name!r}, image_size=8), Path({str(root)!r}))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    assert done.returncode == -signal.SIGKILL
    (left,) = cached(root)
    assert left.startswith(".staged-")
    data = load(SPEC, root)
    assert data.train.images.reshape(len(data.train), -1).max(axis=1).min() > 0
    (whole,) = cached(root)
    assert whole == left.removeprefix(".staged-")


def test_two_processes_decode_once(root: Path, make_folder: Make) -> None:
    make_folder({"a": 10, "b": 10})
    code = f"""
        from pathlib import Path
        from cvlib.data import decode
        from cvlib.data.load import load
        from cvlib.data.spec import DatasetSpec
        real = decode.decode_all
        def counted(*args):
            print("decoding", flush=True)
            yield from real(*args)
        decode.decode_all = counted
        print(load(DatasetSpec(name={SPEC.name!r}, image_size=8), Path({str(root)!r})).fingerprint)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    lines = [line for p in both for line in p.communicate()[0].split()]
    assert lines.count("decoding") == 1
    assert len(lines) == 3 and len(cached(root)) == 1


def test_nothing_readable_is_an_error(root: Path, make_folder: Make) -> None:
    base = make_folder({"a": 10, "b": 10})
    for path in base.rglob("*.png"):
        path.write_bytes(b"broken")
    with pytest.raises(DataError, match="none of the 20 images can be read"):
        load(SPEC, root)
