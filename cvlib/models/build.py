"""From a model's spec to a module with random weights."""

from __future__ import annotations

from torch import nn

from cvlib.models.custom_cnn import CustomCNN
from cvlib.models.spec import ModelSpec


def build(
    spec: ModelSpec, *, image_size: tuple[int, int], channels: int, num_classes: int
) -> nn.Module:
    """A module from `(N, channels, *image_size)` images to `(N, num_classes)` logits.

    Weights are drawn from torch's global generator: the caller seeds it.
    Raises ValueError for an image that is too small for the model.
    """
    if channels < 1 or num_classes < 2:
        raise ValueError(
            f"a classifier needs at least 1 channel and 2 classes, got {channels} and {num_classes}"
        )
    return CustomCNN(spec, image_size=image_size, channels=channels, num_classes=num_classes)
