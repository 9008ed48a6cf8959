"""A backbone sees what timm's own evaluation with PIL would show it."""

from __future__ import annotations

from pathlib import Path

import foolbox
import numpy as np
import pytest
import torch
from PIL import Image
from timm.data import create_transform

from cvlib.models.preprocess import Preprocess, resize_bytes, resize_rounded

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
LEVEL = 1 / 255 / min(STD)  # one step of a byte, after normalising
PICTURES = [
    Path(foolbox.__file__).parent / "data" / name
    for name in ("imagenet_00_243.jpg", "imagenet_13_471.jpg", "cifar10_05_6.png", "mnist_00_7.png")
]


def make(size: int = 96, crop: float = 0.875, mode: str = "center", how: str = "bicubic"):
    return Preprocess(
        size=size, crop=crop, crop_mode=mode, interpolation=how, mean=MEAN, std=STD
    )  # fmt: skip


def batch(picture: Image.Image) -> torch.Tensor:
    """(1, C, H, W) floats in [0, 1]."""
    pixels = np.array(picture).reshape(picture.height, picture.width, -1)
    return torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.stem)
@pytest.mark.parametrize("shape", ["square", "wide", "high"])
@pytest.mark.parametrize(
    ("size", "crop", "mode", "how"),
    [
        (96, 0.875, "center", "bicubic"),
        (224, 0.9, "center", "bicubic"),
        (98, 1.0, "center", "bicubic"),
        (75, 0.95, "center", "bilinear"),
        (96, 0.9, "squash", "bicubic"),
    ],
)
def test_pixels_agree_with_timms_own_transform(path, shape, size, crop, mode, how):
    picture = Image.open(path)
    width, height = picture.size
    box = {
        "square": (width, height),
        "wide": (width, height * 2 // 3),
        "high": (width // 2, height),
    }
    picture = picture.crop((0, 0, *box[shape]))
    timms = create_transform(
        (3, size, size), crop_pct=crop, crop_mode=mode, interpolation=how, mean=MEAN, std=STD
    )
    expected = timms(picture.convert("RGB"))
    given = make(size, crop, mode, how)(batch(picture))[0]
    assert given.shape == expected.shape
    assert (given - expected).abs().mean() < 0.2 * LEVEL
    assert (given - expected).abs().max() < 3.1 * LEVEL


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(20, 28), (200, 160)])
def test_the_kernel_of_other_devices_agrees_with_the_one_for_bytes(channels, size):
    images = torch.randint(0, 256, (2, channels, *size), dtype=torch.uint8)
    for how in ("bicubic", "bilinear"):
        bytes_ = resize_bytes(images, (96, 96), how) / 255
        rounded = resize_rounded(images, (96, 96), how)
        assert rounded.min() >= 0
        assert rounded.max() <= 1
        assert (bytes_ - rounded).abs().max() < 2.1 / 255
        assert (bytes_ - rounded).abs().mean() < 0.1 / 255


def test_bytes_and_scaled_floats_are_the_same_pictures():
    images = torch.randint(0, 256, (3, 3, 32, 40), dtype=torch.uint8)
    torch.testing.assert_close(make()(images), make()(images / 255))


def test_grey_is_repeated_to_three_channels_with_their_own_mean():
    grey = torch.randint(0, 256, (3, 1, 32, 32), dtype=torch.uint8)
    once, thrice = make()(grey), make()(grey.repeat(1, 3, 1, 1))
    assert once.shape == (3, 3, 96, 96)
    assert (once - thrice).abs().max() < 1.1 * LEVEL
    pixels = once * torch.tensor(STD).view(1, 3, 1, 1) + torch.tensor(MEAN).view(1, 3, 1, 1)
    torch.testing.assert_close(pixels[:, 0], pixels[:, 2])


def test_an_image_of_the_right_size_is_only_normalised():
    images = torch.rand(2, 3, 96, 96)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    torch.testing.assert_close(make(crop=1.0)(images), (images - mean) / std)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_memory_format_is_kept(channels):
    plain = torch.rand(2, channels, 32, 32)
    last = torch.rand(2, 32, 32, channels).permute(0, 3, 1, 2)
    assert make()(plain).is_contiguous()
    assert make()(last).is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(make()(last.contiguous()), make()(last), atol=1.1 * LEVEL, rtol=0)


def test_autocast_does_not_reach_the_pixels():
    images = torch.rand(1, 3, 32, 32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under_autocast = make()(images)
    assert under_autocast.dtype == torch.float32
    assert torch.equal(under_autocast, make()(images))


def test_it_keeps_nothing_in_the_weights():
    assert not make().state_dict()


def test_it_describes_every_value_that_decides():
    described = make(96, 0.9).describe()
    assert described == {
        "size": 96, "resize": 106, "crop": 0.9, "crop_mode": "center", "interpolation": "bicubic",
        "mean": list(MEAN), "std": list(STD),
    }  # fmt: skip
    others = [make(98, 0.9), make(96, 1.0), make(96, 0.9, "squash"), make(96, 0.9, how="bilinear")]
    assert all(other.describe() != described for other in others)


@pytest.mark.parametrize("option", [{"how": "nearest"}, {"mode": "border"}])
def test_what_it_cannot_do_like_timm_it_refuses(option):
    with pytest.raises(ValueError, match=f"{next(iter(option.values()))}.*expected one of"):
        make(**option)
