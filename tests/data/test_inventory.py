from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from cvlib.data.inventory import describe, inventory_text
from cvlib.data.load import fingerprint, load
from cvlib.data.spec import DatasetSpec
from tests.data.made import encoded, picture

SPEC = DatasetSpec(name="imagefolder:pictures", image_size=8)


def test_a_folder_is_described_with_what_was_left_out(
    root: Path, make_folder: Callable[..., Path]
) -> None:
    base = make_folder({"a": 30, "b": 20})
    (base / "a" / "001.png").write_bytes(b"broken")
    (base / "a" / "notes.txt").write_text("x")
    (base / "b" / "000.png").write_bytes(encoded(picture(0, (40, 30))))
    found = describe(SPEC, root)
    assert json.loads(json.dumps(found)) == found
    assert found["name"] == SPEC.name and found["where"] == "pictures"
    assert found["classes"] == ["a", "b"]
    assert sum(found["counts"][s]["a"] for s in ("train", "val", "test")) == 29
    assert sum(found["counts"][s]["b"] for s in ("train", "val", "test")) == 20
    assert found["source_sizes"] == "16×16 to 40×30" and found["image_shape"] == [8, 8, 3]
    assert found["unreadable"] == [
        {"name": "a/001.png", "reason": "no image format that Pillow knows"}
    ]
    assert found["ignored"] == [{"name": "a/notes.txt", "reason": "no image file"}]
    assert found["fingerprint"] == fingerprint(SPEC, root)
    assert "problem" not in found


def test_what_does_not_fit_is_a_problem_and_not_a_crash(
    root: Path, make_folder: Callable[..., Path]
) -> None:
    base = make_folder({"a": 10, "b": 10})
    (base / "b" / "000.png").write_bytes(encoded(picture(0, (40, 30))))
    found = describe(SPEC.model_copy(update={"image_size": None}), root)
    assert "different sizes" in found["problem"]
    assert found["source_sizes"] == "16×16 to 40×30" and found["counts"]["train"]


def test_digits_are_described(root: Path) -> None:
    found = describe(DatasetSpec(name="digits"), root)
    assert found["source_sizes"] == "8×8" and found["image_shape"] == [8, 8, 1]
    assert sum(found["counts"]["train"].values()) == 1294


def test_equal_pictures_are_counted_and_named(root: Path, make_folder: Callable[..., Path]) -> None:
    base = make_folder({f"{s}/{c}": n for s, n in (("train", 40), ("test", 3)) for c in ("A", "a")})
    assert load(SPEC, root).equal_pictures == {}
    for name in ("000.png", "001.png"):  # not equal: nothing can be learned of them
        (base / "train" / "a" / name).write_bytes(b"")
    copied = (base / "train/A/003.png").read_bytes()
    (base / "test" / "A" / "000.png").write_bytes(copied)
    (base / "test" / "a" / "001.png").write_bytes(copied)
    assert load(SPEC, root).equal_pictures == {"test_in_train": 2, "in_two_classes": 1}
    found = describe(SPEC, root)
    assert found["in_two_classes"] == ["test/a/001.png = train/A/003.png"]
    said = inventory_text(found)
    assert "pictures of test that are in train or val, too, byte for byte: 2" in said
    assert "    test/A/000.png = train/A/003.png\n" in said
    assert "class names that differ by upper and lower case alone: 2\n    A\n    a" in said


def test_nothing_of_a_name_reaches_the_terminal_raw(
    root: Path, make_folder: Callable[..., Path]
) -> None:
    base = make_folder({"a": 10, "b": 10})
    (base / "a" / "\x1b[2J\udce9.txt").write_text("x")
    said = inventory_text(describe(SPEC, root))
    assert r"a/\x1b[2J\udce9.txt: no image file" in said and "\x1b" not in said
