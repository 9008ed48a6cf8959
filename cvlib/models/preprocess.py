"""From a batch of pictures to a backbone's input, as timm's own evaluation does it with PIL."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_INTERPOLATIONS = ("bicubic", "bilinear")
_CROP_MODES = ("center", "squash")


class Preprocess(nn.Module):
    """Resize, centre crop, grey repeated to three channels, minus mean over standard deviation.

    Geometry and rounding are those of `timm.data.create_transform`. Resizing gives 8-bit pixels,
    with antialiasing, like PIL (0.01 levels apart in the mean): torch has PIL's kernel for bytes on a CPU, 8
    times faster than its float kernel; elsewhere the float kernel is rounded to bytes. So nothing
    here has a gradient with respect to the picture.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        *,
        size: int,
        crop: float,
        crop_mode: str,
        interpolation: str,
        mean: tuple[float, ...],
        std: tuple[float, ...],
    ) -> None:
        """size: side of the output. crop: share of the resized side that is kept.

        crop_mode: center (the shorter side becomes size / crop) or squash (both sides do).
        mean, std: of pixels in [0, 1], one for each of three channels.
        """
        super().__init__()
        if interpolation not in _INTERPOLATIONS:
            raise ValueError(f"interpolation {interpolation!r}: expected one of {_INTERPOLATIONS}")
        if crop_mode not in _CROP_MODES:
            raise ValueError(f"crop mode {crop_mode!r}: expected one of {_CROP_MODES}")
        self.size, self.crop, self.crop_mode = size, crop, crop_mode
        self.interpolation = interpolation
        self._mean, self._std = [float(value) for value in mean], [float(value) for value in std]
        self.resize = math.floor(size / crop)  # timm's rounding
        # Not persistent: they belong to the declaration, not to the weights.
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    def describe(self) -> dict[str, Any]:
        """Every value that decides about the result, as plain JSON values."""
        return {
            "size": self.size,
            "resize": self.resize,
            "crop": self.crop,
            "crop_mode": self.crop_mode,
            "interpolation": self.interpolation,
            "mean": list(self._mean),
            "std": list(self._std),
        }

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """`(N, 1 or 3, H, W)`, float in [0, 1] or uint8, to `(N, 3, size, size)` float32."""
        # of grey images every layout is both: the strides tell
        channels_last = images.stride(1) == 1
        pixels, (height, width) = images, images.shape[-2:]
        if self.crop_mode == "squash":
            target = self.resize, self.resize
        else:  # torchvision's Resize: the longer side is cut down to a whole number
            shorter = min(height, width)
            target = int(self.resize * height / shorter), int(self.resize * width / shorter)
        if target != (height, width):
            resize = resize_bytes if images.device.type == "cpu" else resize_rounded
            pixels = resize(images, target, self.interpolation)
        # torchvision's CenterCrop: Python's round, so that a half goes to the even side
        top, left = (round((side - self.size) / 2) for side in target)
        pixels = pixels[..., top : top + self.size, left : left + self.size]
        white = 255.0 if pixels.dtype == torch.uint8 else 1.0
        result = torch.empty(
            (len(pixels), 3, self.size, self.size),
            device=pixels.device,
            memory_format=torch.channels_last if channels_last else torch.contiguous_format,
        )
        # (x / white - mean) / std in one pass, which also repeats a grey channel
        return torch.addcmul(-self.mean / self.std, pixels, 1 / (white * self.std), out=result)


def resize_bytes(images: Tensor, size: tuple[int, int], interpolation: str) -> Tensor:
    """Resize `(N, C, H, W)`, float in [0, 1] or uint8, to uint8; on a CPU alone."""
    if images.dtype != torch.uint8:
        images = (images * 255).round_().clamp_(0, 255).to(torch.uint8)
    return F.interpolate(images, size, mode=interpolation, antialias=True)


def resize_rounded(images: Tensor, size: tuple[int, int], interpolation: str) -> Tensor:
    """Resize `(N, C, H, W)`, float in [0, 1] or uint8, to floats that are whole 255ths."""
    resized = images / 255 if images.dtype == torch.uint8 else images.float()
    # Like PIL: first the rows, then the columns, each to bytes. Bicubic overshoots; a picture
    # cannot.
    for height_and_width in ((images.shape[-2], size[1]), size):
        resized = F.interpolate(resized, height_and_width, mode=interpolation, antialias=True)
        resized = resized.mul_(255).round_().clamp_(0, 255).div_(255)
    return resized
