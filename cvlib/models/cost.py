"""What a model costs: its parameters, and the arithmetic of one image."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode


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
