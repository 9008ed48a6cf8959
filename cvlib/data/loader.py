"""Batches from images that stay on the device as bytes, with random crop, flip and cutout there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from cvlib.data.arrays import Split
from cvlib.data.spec import AugmentSpec

# The order and the augmentation of an epoch come from separate random streams, so that switching
# augmentation on does not change the order.
_ORDER, _AUGMENT = 0, 1
_PIXELS = 1 << 20  # counted at a time: bounded memory


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
        self._colour = ((colour - mean_) / std_).float().to(self.device)
        self._images = images
        self._crop: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None = None
        if augment is not None and augment.crop_padding is not None:
            self._crop = padded_crops(images, augment.crop_padding)
            del self._images  # the padded copy holds all of them

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

    def _draws(self, epoch: int) -> dict[str, torch.Tensor]:
        """Draw an epoch's numbers, one row for each position in it, of what `augment` asks for.

        crop: (N, 2) int64, top and left corner of the crop in the padded image; flip: (N,) bool;
        cutout: (N, 2) int64, row and column of the square's centre. They are drawn on the CPU, so
        that they are the same for every device.
        """
        if self.augment is None:
            return {}
        count, (height, width, _) = self.count, self.shape
        generator = self._generator(epoch, _AUGMENT)
        draws = {}
        if self.augment.crop_padding is not None:
            span = 2 * self.augment.crop_padding + 1
            draws["crop"] = torch.randint(0, span, (count, 2), generator=generator)
        if self.augment.flip:
            draws["flip"] = torch.randint(0, 2, (count,), generator=generator).bool()
        if self.augment.cutout is not None:
            rows = torch.randint(0, height, (count,), generator=generator)
            columns = torch.randint(0, width, (count,), generator=generator)
            draws["cutout"] = torch.stack([rows, columns], dim=1)
        return {name: values.to(self.device) for name, values in draws.items()}

    def _generator(self, epoch: int, stream: int) -> torch.Generator:
        words = np.random.SeedSequence([self.seed, epoch, stream]).generate_state(1, np.uint64)
        return torch.Generator().manual_seed(int(words[0]) >> 1)

    def _batch(
        self, order: torch.Tensor | None, start: int, stop: int, draws: dict[str, torch.Tensor]
    ) -> torch.Tensor:
        drawn = {name: values[start:stop] for name, values in draws.items()}
        index = None if order is None else order[start:stop]
        if self._crop is not None:
            if index is None:
                index = torch.arange(start, stop, device=self.device)
            images = self._crop(index, drawn["crop"])
        else:
            images = self._images[start:stop] if index is None else self._images[index]
        if "flip" in drawn:
            images = torch.where(drawn["flip"][:, None, None, None], images.flip(2), images)
        height, width, channels = self.shape
        rows = images.reshape(len(images), height, width * channels).float()
        rows = torch.addcmul(self._shift, rows, self._scale)
        normalised = rows.view(len(images), height, width, channels)
        if "cutout" in drawn:
            assert self.augment is not None and self.augment.cutout is not None
            normalised = cut_out(normalised, drawn["cutout"], self.augment.cutout, self._colour)
        if channels == 1 and not self.channels_last:
            return normalised.squeeze(3).unsqueeze(1)
        seen = normalised.permute(0, 3, 1, 2)  # no copy: this is what channels_last means
        return seen if self.channels_last else seen.contiguous()


def padded_crops(
    images: torch.Tensor, padding: int
) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Return what crops images (N, H, W, C) uint8 that have got a black border.

    It takes the images' index (B,) and the crops' top and left corners (B, 2), and returns
    (B, H, W, C). The images are kept as one run of bytes. A row of a crop is W·C bytes in a row of
    memory. The view `windows` has one entry for every byte at which such a row can start, without
    copying; so a batch of crops is one gather of B·H rows, not a small copy for each image.
    """
    count, height, width, channels = images.shape
    padded = images.new_zeros(count, height + 2 * padding, width + 2 * padding, channels)
    padded[:, padding : padding + height, padding : padding + width] = images
    padded_height, padded_width = padded.shape[1:3]
    windows = padded.flatten().unfold(0, width * channels, 1)
    row = torch.arange(height, device=images.device)

    def crop(index: torch.Tensor, corner: torch.Tensor) -> torch.Tensor:
        first = index * padded_height + corner[:, 0]
        start = (first[:, None] + row) * padded_width + corner[:, 1:]
        return windows[start.flatten() * channels].view(len(index), height, width, channels)

    return crop


def cut_out(
    images: torch.Tensor, centre: torch.Tensor, size: int, colour: torch.Tensor
) -> torch.Tensor:
    """Set a square of each image (B, H, W, C), already normalised, to `colour` (C,).

    centre: (B, 2). The square covers rows centre - size // 2 up to size more, and what falls
    outside the image is lost (DeVries and Taylor, 2017, arXiv:1708.04552).
    """
    height, width = images.shape[1:3]
    device = images.device
    top, left = (centre - size // 2).unbind(1)
    row = torch.arange(height, device=device) - top[:, None]
    column = torch.arange(width, device=device) - left[:, None]
    in_rows = (row >= 0) & (row < size)
    in_columns = (column >= 0) & (column < size)
    covered = in_rows[:, :, None] & in_columns[:, None, :]
    return torch.where(covered[..., None], colour, images)


def channel_statistics(images: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return (mean, std) of each channel, in units of 1 = white (value / 255).

    images: (N, H, W, C) uint8. Exact: computed from counts of the 256 values. The standard
    deviation is that of the population; a constant channel gets 1, so that it normalises to 0.
    """
    channels = images.shape[-1]
    pixels = images.reshape(-1, channels)
    counts = np.zeros((channels, 256), dtype=np.int64)
    for start in range(0, len(pixels), _PIXELS):
        for channel in range(channels):
            part = pixels[start : start + _PIXELS, channel]
            counts[channel] += np.bincount(part, minlength=256)
    values = np.arange(256, dtype=np.int64)
    total = len(pixels)
    means, stds = [], []
    for count in counts:
        first, second = int(count @ values), int(count @ values**2)
        # Integers of any length: var = (n Σv² - (Σv)²) / n², without cancellation.
        variance = (total * second - first * first) / (total * total)
        means.append(first / total / 255)
        stds.append(variance**0.5 / 255 or 1.0)
    return tuple(means), tuple(stds)
