"""Checks of features and labels, and features with mean 0 and standard deviation 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

_ROWS = 8192  # of one float64 block of sums: 84 MB at 1,280 features


@dataclass(frozen=True)
class Standardiser:
    """(x - mean) / scale, each (D,) float64. A constant feature has scale 1: it becomes 0."""

    mean: torch.Tensor
    scale: torch.Tensor

    def apply(self, features: torch.Tensor) -> torch.Tensor:
        """(N, D) float32 to the same, standardised."""
        return (features - self.mean.float()).div_(self.scale.float())

    def unfold(self, weight: torch.Tensor, bias: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(…, D) weights and (…,) biases for the features as they were before `apply`."""
        original = weight.double() / self.scale
        return original, bias.double() - original @ self.mean


def fit_standardiser(features: torch.Tensor) -> Standardiser:
    """Mean and population standard deviation of each column of (N, D), summed in float64.

    A column whose deviation is below what float32 resolves around its mean counts as constant.
    """
    mean = torch.zeros(features.shape[1], dtype=torch.float64, device=features.device)
    for block in features.split(_ROWS):
        mean += block.double().sum(dim=0)
    mean /= len(features)
    variance = torch.zeros_like(mean)
    for block in features.split(_ROWS):
        variance += (block.double() - mean).square_().sum(dim=0)
    scale = (variance / len(features)).sqrt()
    resolved = 10 * torch.finfo(torch.float32).eps * mean.abs()
    return Standardiser(mean, torch.where(scale > resolved, scale, torch.ones_like(scale)))


def as_features(features: np.ndarray, device: str | torch.device, what: str) -> torch.Tensor:
    """(N, D) array as a float32 tensor on the device.

    Raises ValueError for another shape, no rows, and values that are not finite.
    """
    if features.ndim != 2 or 0 in features.shape:
        raise ValueError(f"{what} has shape {features.shape}; expected (N, D), neither 0")
    # a memory map may be read-only, which a tensor cannot express: this copies it
    tensor = torch.tensor(np.asarray(features), dtype=torch.float32, device=device)
    if not torch.isfinite(tensor).all():
        bad = (~torch.isfinite(tensor)).any(dim=1).nonzero().flatten()
        raise ValueError(
            f"{what} has {len(bad)} of {len(tensor)} rows with values that are not finite, the "
            f"first is row {int(bad[0])}; extract these features again"
        )
    return tensor


def as_labels(
    labels: np.ndarray, rows: int, num_classes: int, device: str | torch.device, what: str
) -> torch.Tensor:
    """(N,) whole numbers as int64 on the device.

    Raises ValueError for another length and for labels outside 0..num_classes-1.
    """
    labels = np.asarray(labels)
    if labels.shape != (rows,) or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"{what} has shape {labels.shape} of {labels.dtype}; expected ({rows},) whole numbers"
        )
    if rows and not 0 <= labels.min() <= labels.max() < num_classes:
        raise ValueError(
            f"{what} goes from {labels.min()} to {labels.max()}; expected 0 to {num_classes - 1}"
        )
    return torch.tensor(labels.astype(np.int64), device=device)
