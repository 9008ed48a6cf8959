from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cvlib.data.inventory import inventory
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
    said = inventory(SPEC, root)
    assert said.splitlines() == [
        "imagefolder:pictures  (pictures)",
        "  train        35 images, 14-21 a class",
        "  val          4 images, 2 a class",
        "  test         10 images, 4-6 a class",
        "  classes      2: a, b",
        "  sizes        16×16 to 40×30, used as 8×8×3",
        f"  fingerprint  {fingerprint(SPEC, root)[:16]}…",
        "  unreadable   1",
        "    a/001.png: no image format that Pillow knows",
        "  ignored      1",
        "    a/notes.txt: no image file",
    ]


def test_what_does_not_fit_is_a_problem_and_not_a_crash(
    root: Path, make_folder: Callable[..., Path]
) -> None:
    base = make_folder({"a": 10, "b": 10})
    (base / "b" / "000.png").write_bytes(encoded(picture(0, (40, 30))))
    said = inventory(SPEC.model_copy(update={"image_size": None}), root)
    assert "\n  problem      imagefolder:pictures has images of different sizes" in said
    assert "  sizes        16×16 to 40×30\n" in said and "  train        14 images" in said


def test_digits_are_described(root: Path) -> None:
    said = inventory(DatasetSpec(name="digits"), root)
    assert "  sizes        8×8, used as 8×8×1\n" in said and "  train        1,294 images" in said


def test_equal_pictures_are_counted_and_named(root: Path, make_folder: Callable[..., Path]) -> None:
    base = make_folder({f"{s}/{c}": n for s, n in (("train", 40), ("test", 3)) for c in ("A", "a")})
    assert load(SPEC, root).equal_pictures == {}
    for name in ("000.png", "001.png"):  # not equal: nothing can be learned of them
        (base / "train" / "a" / name).write_bytes(b"")
    copied = (base / "train/A/003.png").read_bytes()
    (base / "test" / "A" / "000.png").write_bytes(copied)
    (base / "test" / "a" / "001.png").write_bytes(copied)
    assert load(SPEC, root).equal_pictures == {"test_in_train": 2, "in_two_classes": 1}
    said = inventory(SPEC, root)
    assert "another class, too, byte for byte: 1\n    test/a/001.png = train/A/003.png\n" in said
    assert "pictures of test that are in train or val, too, byte for byte: 2" in said
    assert "    test/A/000.png = train/A/003.png\n" in said
    assert "class names that differ by upper and lower case alone: 2\n    A\n    a" in said


def test_nothing_of_a_name_reaches_the_terminal_raw(
    root: Path, make_folder: Callable[..., Path]
) -> None:
    base = make_folder({"a": 10, "b": 10})
    (base / "a" / "\x1b[2J\udce9.txt").write_text("x")
    said = inventory(SPEC, root)
    assert r"a/\x1b[2J\udce9.txt: no image file" in said and "\x1b" not in said
