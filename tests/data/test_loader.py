from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from cvlib.data.arrays import Split
from cvlib.data.loader import ResidentLoader, channel_statistics
from cvlib.data.spec import AugmentSpec

EVERYTHING = AugmentSpec(crop_padding=2, flip=True, cutout=3)


def made_split(count: int = 37, height: int = 8, width: int = 10, channels: int = 3) -> Split:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, height, width, channels), dtype=np.uint8)
    return Split(images, np.arange(count) % 5, np.arange(count), [f"{n}" for n in range(count)])


def loader(split: Split, **changes: object) -> ResidentLoader:
    mean, std = channel_statistics(split.images)
    options = {"batch_size": 8, "device": "cpu", "mean": mean, "std": std, "seed": 3}
    return ResidentLoader(split, **{**options, **changes})  # type: ignore[arg-type]


def all_batches(batches: object) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return list(batches)  # type: ignore[call-overload]


def same(
    a: list[tuple[torch.Tensor, torch.Tensor]], b: list[tuple[torch.Tensor, torch.Tensor]]
) -> bool:
    return len(a) == len(b) and all(
        torch.equal(x, u) and torch.equal(y, v) for (x, y), (u, v) in zip(a, b, strict=True)
    )


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("channels_last", [True, False])
def test_without_augmentation_images_are_only_normalised(
    channels: int, channels_last: bool
) -> None:
    split = made_split(channels=channels)
    mean, std = channel_statistics(split.images)
    batches = all_batches(loader(split, channels_last=channels_last).epoch(0))
    images = torch.cat([x for x, _ in batches])
    expected = (split.images / 255 - np.array(mean)) / np.array(std)
    assert images.dtype == torch.float32 and images.shape == (37, channels, 8, 10)
    assert np.allclose(images.numpy(), expected.transpose(0, 3, 1, 2), atol=1e-5)
    assert torch.cat([y for _, y in batches]).tolist() == split.labels.tolist()
    form = torch.channels_last if channels_last else torch.contiguous_format
    assert batches[0][0].is_contiguous(memory_format=form)
    assert batches[0][0].stride(1) == (1 if channels_last else 80)


@pytest.mark.parametrize("augment", [None, EVERYTHING, AugmentSpec(flip=True)])
def test_an_epoch_entered_anywhere_gives_the_same_batches(augment: AugmentSpec | None) -> None:
    split = made_split()
    first = all_batches(loader(split, shuffle=True, augment=augment).epoch(4))
    other = loader(split, shuffle=True, augment=augment)
    all_batches(other.epoch(0))  # what was drawn before does not matter
    torch.manual_seed(123)
    assert len(first) == len(other) == 5
    for step in range(6):
        assert same(all_batches(other.epoch(4, start_step=step)), first[step:])


def test_epochs_seeds_and_augmentation_have_streams_of_their_own() -> None:
    split = made_split()

    def labels(epoch: int, **options: object) -> list[int]:
        batches = loader(split, shuffle=True, **options).epoch(epoch)
        return torch.cat([y for _, y in batches]).tolist()

    plain = [labels(epoch) for epoch in range(3)]
    assert len({tuple(p) for p in plain}) == 3
    assert labels(0, seed=4) != plain[0]
    assert labels(0, augment=EVERYTHING) == plain[0]
    crops = [
        torch.cat([x for x, _ in loader(split, augment=EVERYTHING).epoch(epoch)])
        for epoch in (0, 1)
    ]
    assert not torch.equal(crops[0], crops[1])


def test_every_image_is_seen_once_an_epoch() -> None:
    split = made_split()
    marked = Split(split.images, np.arange(37), split.ids, split.names)
    seen = torch.cat([y for _, y in loader(marked, shuffle=True).epoch(1)])
    assert sorted(seen.tolist()) == list(range(37))
    whole = all_batches(loader(marked, shuffle=True, drop_last=True).epoch(1))
    assert [len(y) for _, y in whole] == [8] * 4
    assert torch.cat([y for _, y in whole]).tolist() == seen[:32].tolist()


def test_the_global_random_state_is_left_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    all_batches(loader(made_split(), shuffle=True, augment=EVERYTHING).epoch(0))
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("padding", "flip", "cutout"),
    list(itertools.product((None, 1, 3), (False, True), (None, 1, 4, 30))),
)
def test_batches_equal_a_slow_loop_over_images(
    padding: int | None, flip: bool, cutout: int | None, channels: int
) -> None:
    split = made_split(channels=channels)
    spec = AugmentSpec(crop_padding=padding, flip=flip, cutout=cutout)
    resident = loader(split, shuffle=True, augment=spec)
    batches = torch.cat([x for x, _ in resident.epoch(2)])
    order, draws = resident._order(2), resident._draws(2)
    assert order is not None
    mean, std = (np.array(v) for v in channel_statistics(split.images))
    height, width = 8, 10
    for position, index in enumerate(order.tolist()):
        image = split.images[index]
        if "crop" in draws and padding is not None:
            top, left = draws["crop"][position].tolist()
            padded = np.pad(image, ((padding, padding), (padding, padding), (0, 0)))
            image = padded[top : top + height, left : left + width]
        if "flip" in draws and draws["flip"][position]:
            image = image[:, ::-1]
        normal = (image / 255 - mean) / std
        if "cutout" in draws and cutout is not None:
            row, column = (c - cutout // 2 for c in draws["cutout"][position].tolist())
            normal = normal.copy()
            normal[max(row, 0) : max(row + cutout, 0), max(column, 0) : max(column + cutout, 0)] = 0
        assert np.allclose(batches[position].numpy(), normal.transpose(2, 0, 1), atol=1e-5)


def test_draws_cover_their_whole_range_evenly() -> None:
    split = made_split(count=6000, height=4, width=6, channels=1)
    draws = loader(split, augment=EVERYTHING)._draws(0)
    for values, choices in (
        (draws["crop"][:, 0], 5),
        (draws["crop"][:, 1], 5),
        (draws["flip"].long(), 2),
        (draws["cutout"][:, 0], 4),
        (draws["cutout"][:, 1], 6),
    ):
        counts = torch.bincount(values, minlength=choices)
        assert len(counts) == choices
        share = 6000 / choices
        assert (counts - share).abs().max() < 5 * share**0.5


def test_stored_images_are_not_changed() -> None:
    split = made_split()
    before = split.images.copy()
    all_batches(loader(split, shuffle=True, augment=AugmentSpec(cutout=4)).epoch(0))
    assert np.array_equal(split.images, before)


def test_statistics_are_exact() -> None:
    images = made_split(count=500).images
    mean, std = channel_statistics(images)
    pixels = images.reshape(-1, 3).astype(np.float64) / 255
    assert np.allclose(mean, pixels.mean(axis=0), rtol=1e-12)
    assert np.allclose(std, pixels.std(axis=0), rtol=1e-10)


def test_a_constant_channel_normalises_to_zero() -> None:
    images = np.full((4, 5, 5, 1), 77, dtype=np.uint8)
    assert channel_statistics(images) == ((77 / 255,), (1.0,))
