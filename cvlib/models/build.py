"""From a model's spec to a module: asks the family that the spec names."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from torch import nn

from cvlib.models.spec import FAMILIES, ModelSpec


def build(
    spec: ModelSpec,
    *,
    image_size: tuple[int, int],
    channels: int,
    num_classes: int,
    weights: Path | None = None,
) -> nn.Module:
    """A module from `(N, channels, *image_size)` images to `(N, num_classes)` logits.

    What is not loaded from `weights` is drawn from torch's global generator: the caller seeds it.
    Raises ValueError for an image that is too small for the model, an option that the model has
    not, and weights for a family that is always trained from scratch.
    """
    if channels < 1 or num_classes < 2:
        raise ValueError(
            f"a classifier needs at least 1 channel and 2 classes, got {channels} and {num_classes}"
        )
    if weights is not None and spec.kind != "backbone":
        raise ValueError(
            f"a {spec.kind} is trained from scratch and takes no weights, got {weights}; only a "
            "model of kind backbone starts from a file"
        )
    # By name, so that a run's code fingerprint covers the family it uses and no other.
    family = import_module(FAMILIES[spec.kind])
    network: nn.Module = family.build_network(
        spec, image_size=image_size, channels=channels, num_classes=num_classes, weights=weights
    )
    return network
