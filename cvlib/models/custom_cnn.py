"""The custom CNN family: blocks of convolutions, global average pooling, one linear layer."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path

from torch import Tensor, nn

from cvlib.models.spec import CustomCNNSpec

SMALLEST_IMAGE = 4  # pixels a side: the smallest map that is still halved
_RISING = ("relu", "leaky_relu")  # activations that never fall: gelu and silu dip below zero
_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": partial(nn.ReLU, inplace=True),
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "leaky_relu": partial(nn.LeakyReLU, 0.01),
}
# Windows do not overlap, so the backward pass of max adds into no cell twice: deterministic.
_POOLINGS: dict[str, Callable[[], nn.Module]] = {
    "max": partial(nn.MaxPool2d, 2),
    "avg": partial(nn.AvgPool2d, 2),
    "stride": nn.Identity,
}
_GROUPS = 8  # of group norm; fewer where the channels do not divide by it


def build_network(
    spec: CustomCNNSpec,
    *,
    image_size: tuple[int, int],
    channels: int,
    num_classes: int,
    weights: Path | None = None,
) -> CustomCNN:
    """The network of `spec` with random weights; `weights` is always None (see build.py)."""
    return CustomCNN(spec, image_size=image_size, channels=channels, num_classes=num_classes)


class CustomCNN(nn.Module):
    """`(N, channels, H, W)` float images to `(N, num_classes)` logits, for any H, W >= 4."""

    def __init__(
        self, spec: CustomCNNSpec, *, image_size: tuple[int, int], channels: int, num_classes: int
    ) -> None:
        super().__init__()
        side = min(image_size)
        if side < SMALLEST_IMAGE:
            raise ValueError(
                f"images of {image_size[0]}x{image_size[1]} are too small for a custom CNN, which "
                f"needs at least {SMALLEST_IMAGE} pixels a side: set the dataset's image_size"
            )
        blocks: list[ConvBlock] = []
        width_in = channels
        for index in range(spec.depth):
            # Under 4 pixels a map is kept: another halving would leave convolutions only padding.
            halve = side >= SMALLEST_IMAGE
            width_out = spec.width * 2**index
            blocks.append(ConvBlock(spec, width_in, width_out, halve=halve))
            if halve:
                side = math.ceil(side / 2) if spec.pooling == "stride" else side // 2
            width_in = width_out
        self.blocks = nn.Sequential(*blocks)
        self.dropout = nn.Identity() if spec.dropout is None else nn.Dropout(spec.dropout)
        self.classifier = nn.Linear(width_in, num_classes)
        self.apply(_initialise)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of a batch."""
        maps = self.blocks(images)
        # A mean instead of AdaptiveAvgPool2d, whose backward is not deterministic on CUDA.
        features = maps.mean(dim=(2, 3))
        return self.classifier(self.dropout(features))


class ConvBlock(nn.Module):
    """`convs_per_block` times (convolution, norm, activation), a shortcut, one halving.

    With a shortcut the block's input is added before its last activation (He et al., 2016); where
    channels or size change it goes through a 1x1 convolution and the same norm.
    """

    def __init__(
        self, spec: CustomCNNSpec, channels_in: int, channels_out: int, *, halve: bool
    ) -> None:
        super().__init__()
        stride = 2 if halve and spec.pooling == "stride" else 1
        layers: list[nn.Module] = []
        for index in range(spec.convs_per_block):
            last = index == spec.convs_per_block - 1
            layers.append(
                nn.Conv2d(
                    channels_in if index == 0 else channels_out,
                    channels_out,
                    spec.kernel_size,
                    # "stride": the convolution before the pooling takes its place
                    # (Springenberg et al., 2015, "Strided-CNN-C").
                    stride=stride if last else 1,
                    padding=spec.kernel_size // 2,
                    bias=spec.norm is None,  # a norm has its own
                )
            )
            layers.extend(_norm(spec.norm, channels_out))
            if not last:
                layers.append(_ACTIVATIONS[spec.activation]())
        self.convolutions = nn.Sequential(*layers)
        self.shortcut: nn.Module | None = None
        if spec.residual:
            if channels_in == channels_out and stride == 1:
                self.shortcut = nn.Identity()
            else:
                self.shortcut = nn.Sequential(
                    nn.Conv2d(channels_in, channels_out, 1, stride=stride, bias=spec.norm is None),
                    *_norm(spec.norm, channels_out),
                )
        pooling = _POOLINGS[spec.pooling] if halve else nn.Identity
        end = [_ACTIVATIONS[spec.activation](), pooling()]
        if spec.pooling == "max" and spec.activation in _RISING:
            # The maximum of a rising function is the function of the maximum: pooling first gives
            # the same values and gradients from a quarter of the pixels, 8% of a step saved.
            end.reverse()
        self.end = nn.Sequential(*end)

    def forward(self, maps: Tensor) -> Tensor:
        """`(N, channels_in, H, W)` to `(N, channels_out, H', W')`."""
        out = self.convolutions(maps)
        if self.shortcut is not None:
            out = out + self.shortcut(maps)
        return self.end(out)


def _norm(kind: str | None, channels: int) -> list[nn.Module]:
    if kind == "batch":
        return [nn.BatchNorm2d(channels)]
    if kind == "group":
        return [nn.GroupNorm(math.gcd(_GROUPS, channels), channels)]
    return []


def _initialise(module: nn.Module) -> None:
    """He et al. (2015): keeps the scale of activations through depth, also without a norm."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=1 / math.sqrt(module.in_features))
        nn.init.zeros_(module.bias)
