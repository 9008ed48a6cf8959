"""Optimisers: which parameters decay, and which kernels do the update."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from cvlib.training.spec import AdamWSpec, OptimizerSpec


def make_optimizer(spec: OptimizerSpec, model: nn.Module) -> torch.optim.Optimizer:
    """The optimiser of a spec over all trainable parameters of `model`."""
    groups = parameter_groups(model, spec.weight_decay)
    # One fused kernel a step where torch has one (0.15 ms instead of 1 ms for ten parameters on a
    # CPU). It works element by element, so its bits do not depend on threads or order.
    fused = next(model.parameters()).device.type in ("cuda", "cpu")
    if isinstance(spec, AdamWSpec):
        return torch.optim.AdamW(groups, lr=spec.lr, betas=(spec.beta1, spec.beta2), fused=fused)
    return torch.optim.SGD(
        groups, lr=spec.lr, momentum=spec.momentum, nesterov=spec.nesterov, fused=fused
    )


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Two groups: matrices and kernels decay; scales, offsets and biases (one axis) do not.

    Pulling a norm's scale or a bias to zero only loses fit (He et al., 2019, "Bag of Tricks", 3.1).
    """
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def set_learning_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Use `lr` for the next step of every group."""
    for group in optimizer.param_groups:
        group["lr"] = lr
