"""A folder as people have it: pictures of many sizes, modes and formats, fewer than are asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvlib.data.arrays import DataError
from cvlib.data.load import fingerprint, load
from cvlib.data.spec import DatasetSpec

# A class is the side that is bright: it survives grey, palettes and the cut from the centre, but
# not a picture that lies on its side or shows what is transparent.
SIDES = ("bottom", "left", "right", "top")
SIZES = ((64, 64), (200, 50), (50, 200), (31, 90), (300, 211), (9, 12))
SPEC = DatasetSpec(name="imagefolder:pictures", subset=4000, test_subset=2000, image_size=64)


def pattern(side: str, size: tuple[int, int], seed: int) -> np.ndarray:
    """(H, W) uint8: 200 and more on the bright side, 60 and less on the other."""
    width, height = size
    rows, columns = np.mgrid[:height, :width]
    bright = {
        "top": rows < height / 2,
        "bottom": rows >= height / 2,
        "left": columns < width / 2,
        "right": columns >= width / 2,
    }[side]
    noise = np.random.default_rng(seed).integers(0, 40, (height, width))
    return np.where(bright, 200 + noise, 20 + noise).astype(np.uint8)


def rgb(grey: np.ndarray) -> Image.Image:
    return Image.fromarray(np.stack([grey, grey // 2 + 60, grey], axis=-1))


def jpeg(grey: np.ndarray, path: Path) -> None:
    rgb(grey).save(path.with_suffix(".JPG"), "JPEG")


def rgba(grey: np.ndarray, path: Path) -> None:
    image = rgb(np.where(grey > 100, 0, grey).astype(np.uint8)).convert("RGBA")
    image.putalpha(Image.fromarray(np.where(grey > 100, 0, 255).astype(np.uint8)))
    image.save(path.with_suffix(".png"))


def palette_with_transparency(grey: np.ndarray, path: Path) -> None:
    image = Image.fromarray((grey > 100).astype(np.uint8))
    image.putpalette(
        [40, 40, 40, 0, 0, 0]
    )  # makes it P: black, and transparent, where it is bright
    image.save(path.with_suffix(".png"), transparency=1)


def grey_8(grey: np.ndarray, path: Path) -> None:
    Image.fromarray(grey).save(path.with_suffix(".png"))


def grey_16(grey: np.ndarray, path: Path) -> None:
    Image.fromarray(grey.astype(np.uint16) * 257).save(path.with_suffix(".png"))


def grey_with_alpha(grey: np.ndarray, path: Path) -> None:
    Image.fromarray(grey).convert("LA").save(path.with_suffix(".png"))


def bilevel(grey: np.ndarray, path: Path) -> None:
    Image.fromarray(grey > 100).save(path.with_suffix(".png"))


def cmyk(grey: np.ndarray, path: Path) -> None:
    rgb(grey).convert("CMYK").save(path.with_suffix(".jpg"), quality=90)


def animation(grey: np.ndarray, path: Path) -> None:
    rgb(grey).save(path.with_suffix(".gif"), save_all=True, append_images=[rgb(255 - grey)])


def webp(grey: np.ndarray, path: Path) -> None:
    rgb(grey).save(path.with_suffix(".webp"))


def on_its_side(grey: np.ndarray, path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter clockwise
    turned = rgb(np.ascontiguousarray(np.rot90(grey)))
    turned.save(path.with_suffix(".jpg"), quality=90, exif=exif)


WAYS: tuple[Callable[[np.ndarray, Path], None], ...] = (
    *(jpeg, rgba, palette_with_transparency, grey_8, grey_16, grey_with_alpha, bilevel, cmyk),
    *(animation, webp, on_its_side),
)


@pytest.fixture(params=["one folder", "train and test"])
def mixed(request: pytest.FixtureRequest, root: Path) -> Path:
    homes = [""] if request.param == "one folder" else ["train", "test"]
    for home in homes:
        for side in SIDES:
            folder = root.parent / "pictures" / home / side
            folder.mkdir(parents=True)
            for n, (way, size) in enumerate((way, size) for way in WAYS for size in SIZES):
                way(pattern(side, size, n), folder / f"{n:03}-{way.__name__}")
    return root


def bright_side(image: np.ndarray) -> str:
    grey = image.mean(axis=-1)
    half = len(grey) // 2
    means = {
        "top": grey[:half].mean(),
        "bottom": grey[half:].mean(),
        "left": grey[:, :half].mean(),
        "right": grey[:, half:].mean(),
    }
    return max(means, key=lambda side: float(means[side]))


def test_every_picture_is_loaded_upright_with_its_own_class(mixed: Path) -> None:
    data = load(SPEC, mixed)
    assert data.class_names == SIDES and data.unreadable == ()
    seen = 0
    for split in (data.train, data.val, data.test):
        assert split.images.shape[1:] == (64, 64, 3) and split.images.dtype == np.uint8
        for image, label, name in zip(split.images, split.labels, split.names, strict=True):
            assert bright_side(image) == SIDES[label] == name.split("/")[-2], name
            seen += 1
    assert seen == len(list((mixed.parent / "pictures").rglob("*.*")))


def test_sizes_that_the_data_do_not_have_are_at_most(mixed: Path) -> None:
    whole = SPEC.model_copy(update={"subset": None, "test_subset": None})
    assert fingerprint(SPEC, mixed) == fingerprint(whole, mixed)
    smaller = SPEC.model_copy(update={"subset": 100, "test_subset": 20})
    data = load(smaller, mixed)
    assert (len(data.train) + len(data.val), len(data.test)) == (100, 20)


def test_without_a_size_the_error_suggests_one(mixed: Path) -> None:
    with pytest.raises(DataError, match=r"different sizes .*image_size: 96"):
        load(SPEC.model_copy(update={"image_size": None}), mixed)
