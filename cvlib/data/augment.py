"""Random crop, flip and cutout of a whole batch, on the device where the images are."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from cvlib.data.spec import AugmentSpec


@dataclass(frozen=True)
class Draws:
    """The random numbers of one epoch, one row for each position in it; None: not used.

    crop: (N, 2) int64, top and left corner of the crop in the padded image
    flip: (N,) bool
    cutout: (N, 2) int64, row and column of the square's centre
    """

    crop: torch.Tensor | None
    flip: torch.Tensor | None
    cutout: torch.Tensor | None

    def rows(self, start: int, stop: int) -> Draws:
        """Return the draws of positions start to stop."""
        crop, flip, cutout = (
            None if values is None else values[start:stop]
            for values in (self.crop, self.flip, self.cutout)
        )
        return Draws(crop, flip, cutout)


def draw(
    spec: AugmentSpec, count: int, height: int, width: int, generator: torch.Generator
) -> Draws:
    """Draw an epoch's numbers on the CPU, so that they are the same for every device."""
    crop = flip = cutout = None
    if spec.crop_padding is not None:
        span = 2 * spec.crop_padding + 1
        crop = torch.randint(0, span, (count, 2), generator=generator)
    if spec.flip:
        flip = torch.randint(0, 2, (count,), generator=generator).bool()
    if spec.cutout is not None:
        rows = torch.randint(0, height, (count,), generator=generator)
        columns = torch.randint(0, width, (count,), generator=generator)
        cutout = torch.stack([rows, columns], dim=1)
    return Draws(crop, flip, cutout)


class PaddedImages:
    """Images with a black border, kept as one run of bytes, from which crops are gathered.

    A row of a crop is W·C bytes in a row of memory. The view `windows` has one entry for every
    byte at which such a row can start, without copying; so a batch of crops is one gather of
    B·H rows, instead of one small copy for each image.
    """

    def __init__(self, images: torch.Tensor, padding: int) -> None:
        """images: (N, H, W, C) uint8."""
        count, height, width, channels = images.shape
        padded = images.new_zeros(count, height + 2 * padding, width + 2 * padding, channels)
        padded[:, padding : padding + height, padding : padding + width] = images
        self.shape = (height, width, channels)
        self.padded_height, self.padded_width = padded.shape[1:3]
        self.windows = padded.flatten().unfold(0, width * channels, 1)
        self.row = torch.arange(height, device=images.device)

    def crop(self, index: torch.Tensor, corner: torch.Tensor) -> torch.Tensor:
        """Return the crops (B, H, W, C) of images `index` (B,) at `corner` (B, 2)."""
        height, width, channels = self.shape
        first = index * self.padded_height + corner[:, 0]
        start = (first[:, None] + self.row) * self.padded_width + corner[:, 1:]
        rows = self.windows[start.flatten() * channels]
        return rows.view(len(index), height, width, channels)


def flip_some(images: torch.Tensor, flip: torch.Tensor) -> torch.Tensor:
    """Mirror the images (B, H, W, C) whose `flip` (B,) is true, left to right."""
    return torch.where(flip[:, None, None, None], images.flip(2), images)


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
