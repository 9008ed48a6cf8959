"""A model's outputs and scores on one split."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from cvlib.data.loader import ResidentLoader
from cvlib.training.device import Compute


@torch.inference_mode()
def predict(
    model: nn.Module, loader: ResidentLoader, compute: Compute
) -> tuple[np.ndarray, np.ndarray]:
    """Logits (N, C) float32 and labels (N,) int64 of all images, in the split's order."""
    was_training = model.training
    model.eval()
    logits, labels = [], []
    for images, targets in loader.epoch(0):
        with compute.autocast():
            outputs = model(images)
        logits.append(outputs.float())
        labels.append(targets)
    model.train(was_training)
    return torch.cat(logits).cpu().numpy(), torch.cat(labels).cpu().numpy()


@torch.inference_mode()
def features(model: nn.Module, loader: ResidentLoader, compute: Compute) -> np.ndarray:
    """What the head of a backbone reads, (N, D) float32, of all images in the split's order."""
    model.eval()
    found = []
    for images, _ in loader.epoch(0):
        with compute.autocast():
            found.append(model.features(images).float())  # type: ignore[operator]
    return torch.cat(found).cpu().numpy()


def score(logits: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Mean cross-entropy in nats (without label smoothing) and top-1 accuracy in 0..1."""
    values = torch.from_numpy(logits).double()
    targets = torch.from_numpy(labels)
    loss = functional.cross_entropy(values, targets).item()
    accuracy = (values.argmax(dim=1) == targets).double().mean().item()
    return loss, accuracy
