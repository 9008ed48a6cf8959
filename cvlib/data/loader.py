"""Batches from images that stay on the device as bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from cvlib.data.arrays import Split
from cvlib.data.augment import Draws, PaddedImages, cut_out, draw, flip_some
from cvlib.data.spec import AugmentSpec
from cvlib.data.statistics import channel_statistics

__all__ = ["ResidentLoader", "channel_statistics"]

# The order and the augmentation of an epoch come from separate random streams, so that switching
# augmentation on does not change the order.
_ORDER, _AUGMENT = 0, 1


class ResidentLoader:
    """Yields normalised batches of a split whose images are resident on the device.

    mean, std: subtracted from and divided out of each channel, in units of 1 = white
    (`channel_statistics` of train; 0 and 1 for a model that normalises by itself).
    cutout_colour: of what cutout covers, in the same units; the mean when left out.
    The order is a function of (seed, epoch), the augmentation of (seed, epoch, step): an epoch that
    is entered at any step gives the same batches from there on.
    """

    def __init__(
        self,
        split: Split,
        *,
        batch_size: int,
        device: torch.device | str,
        mean: Sequence[float],
        std: Sequence[float],
        seed: int,
        augment: AugmentSpec | None = None,
        cutout_colour: Sequence[float] | None = None,
        shuffle: bool = False,
        drop_last: bool = False,
        channels_last: bool = True,
    ) -> None:
        count, height, width, channels = split.images.shape
        if not len(mean) == len(std) == channels:
            raise ValueError(f"{channels} channels, but mean {mean} and std {std}")
        if batch_size < 1 or (drop_last and batch_size > count):
            raise ValueError(
                f"batch_size {batch_size} leaves no whole batch of the {count} images; make it smaller"
            )
        self.batch_size = batch_size
        self.device = torch.device(device)
        self.seed = seed
        self.augment = augment
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.channels_last = channels_last
        self.count, self.shape = count, (height, width, channels)

        images = torch.from_numpy(np.ascontiguousarray(split.images)).to(self.device)
        self.labels = torch.from_numpy(np.ascontiguousarray(split.labels)).to(self.device)
        # value / 255 normalised is value * scale + shift. Both are spread over a whole row of
        # pixels: a product along W·C values is vectorised, one along C = 3 is not.
        std_ = torch.tensor(std, dtype=torch.float64)
        mean_ = torch.tensor(mean, dtype=torch.float64)
        self._scale = (1 / (255 * std_)).float().repeat(width).to(self.device)
        self._shift = (-mean_ / std_).float().repeat(width).to(self.device)
        colour = torch.tensor(mean if cutout_colour is None else cutout_colour, dtype=torch.float64)
        self._cutout_colour = ((colour - mean_) / std_).float().to(self.device)
        self._images: torch.Tensor | None = images
        self._padded: PaddedImages | None = None
        if augment is not None and augment.crop_padding is not None:
            self._padded = PaddedImages(images, augment.crop_padding)
            self._images = None  # the padded copy holds all of them

    def __len__(self) -> int:
        """Return the number of steps in an epoch."""
        if self.drop_last:
            return self.count // self.batch_size
        return -(-self.count // self.batch_size)

    def epoch(self, epoch: int, start_step: int = 0) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield (images (B, C, H, W) float32, labels (B,) int64) from `start_step` on."""
        order, draws = self._order(epoch), self._draws(epoch)
        for step in range(start_step, len(self)):
            start = step * self.batch_size
            stop = min(start + self.batch_size, self.count)
            labels = self.labels[slice(start, stop) if order is None else order[start:stop]]
            yield self._batch(order, start, stop, draws), labels

    def _order(self, epoch: int) -> torch.Tensor | None:
        if not self.shuffle:
            return None
        return torch.randperm(self.count, generator=self._generator(epoch, _ORDER)).to(self.device)

    def _draws(self, epoch: int) -> Draws | None:
        if self.augment is None:
            return None
        height, width, _ = self.shape
        generator = self._generator(epoch, _AUGMENT)
        drawn = draw(self.augment, self.count, height, width, generator)
        crop, flip, cutout = (
            None if values is None else values.to(self.device)
            for values in (drawn.crop, drawn.flip, drawn.cutout)
        )
        return Draws(crop, flip, cutout)

    def _generator(self, epoch: int, stream: int) -> torch.Generator:
        words = np.random.SeedSequence([self.seed, epoch, stream]).generate_state(1, np.uint64)
        return torch.Generator().manual_seed(int(words[0]) >> 1)

    def _batch(
        self, order: torch.Tensor | None, start: int, stop: int, draws: Draws | None
    ) -> torch.Tensor:
        drawn = Draws(None, None, None) if draws is None else draws.rows(start, stop)
        index = None if order is None else order[start:stop]
        if self._padded is not None and drawn.crop is not None:
            if index is None:
                index = torch.arange(start, stop, device=self.device)
            images = self._padded.crop(index, drawn.crop)
        else:
            assert self._images is not None  # it is dropped only for the padded copy
            images = self._images[start:stop] if index is None else self._images[index]
        if drawn.flip is not None:
            images = flip_some(images, drawn.flip)
        normalised = self._normalise(images)
        if self.augment is not None and drawn.cutout is not None and self.augment.cutout:
            normalised = cut_out(normalised, drawn.cutout, self.augment.cutout, self._cutout_colour)
        return _channels_first(normalised, self.channels_last)

    def _normalise(self, images: torch.Tensor) -> torch.Tensor:
        batch, (height, width, channels) = len(images), self.shape
        rows = images.reshape(batch, height, width * channels).float()
        rows = torch.addcmul(self._shift, rows, self._scale)
        return rows.view(batch, height, width, channels)


def _channels_first(images: torch.Tensor, channels_last: bool) -> torch.Tensor:
    """Return (B, H, W, C) as (B, C, H, W), in memory as the convolutions want it."""
    if channels_last:
        return images.permute(0, 3, 1, 2)  # no copy: this is what channels_last means
    if images.shape[-1] == 1:
        return images.squeeze(3).unsqueeze(1)
    return images.permute(0, 3, 1, 2).contiguous()
