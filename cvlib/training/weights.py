"""Weights as safetensors files: tensors and nothing that could run."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor, nn


def snapshot(model: nn.Module) -> dict[str, Tensor]:
    """A copy of every weight and buffer, on the CPU, that further training does not touch."""
    return {
        name: value.detach().to("cpu", copy=True).contiguous()
        for name, value in model.state_dict().items()
    }


def save_weights(path: Path, weights: dict[str, Tensor]) -> None:
    """Write beside and rename: the file is whole or absent."""
    staged = path.with_name(path.name + ".staged")
    save_file(weights, staged)
    staged.replace(path)


def load_weights(path: Path, model: nn.Module) -> None:
    """Put a file's weights into `model`; every name and shape must fit (RuntimeError)."""
    model.load_state_dict(load_file(path), strict=True)
