"""From a model's spec to a module, which the family that it names builds; and what a module costs."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

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

    What is not loaded from `weights`, which backbones alone have, is drawn from torch's global
    generator: the caller seeds it.
    Raises ValueError for an image that is too small for the model, and for an option that the
    model has not.
    """
    # By name, so that a run's code fingerprint covers the family it uses and no other.
    family = import_module(FAMILIES[spec.kind])
    network: nn.Module = family.build_network(
        spec, image_size=image_size, channels=channels, num_classes=num_classes, weights=weights
    )
    return network


def count_parameters(model: nn.Module) -> int:
    """Trainable values. Running statistics of batch norm are not trained and do not count."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def count_flops(model: nn.Module, image_shape: tuple[int, int, int]) -> int:
    """Floating-point operations of one image's forward pass, in evaluation mode.

    image_shape: (channels, height, width). A multiply-add counts 2; convolutions and matrix
    products count, norms, activations and poolings do not: the convention of
    torch.utils.flop_counter. Half of this is the "MACs" that many papers call FLOPs.
    """
    reference = next(model.parameters())
    image = torch.zeros(1, *image_shape, device=reference.device, dtype=reference.dtype)
    was_training = model.training
    model.eval()
    try:
        # Attention as its matrix products: the counter knows no fused kernel of a CPU.
        with (
            torch.no_grad(),
            sdpa_kernel(SDPBackend.MATH),
            FlopCounterMode(display=False) as counter,
        ):
            model(image)
    finally:
        model.train(was_training)
    return counter.get_total_flops()
