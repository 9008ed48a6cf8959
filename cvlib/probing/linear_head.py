"""Linear classifiers on standardised features, and the one in closed form: ridge regression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

PENALTIES = tuple(float(v) for v in np.logspace(-2, 6, 25))
_ROWS = 8192  # of one float64 block of sums: 84 MB at 1,280 features


@dataclass(frozen=True)
class LinearHead:
    """logits = features @ weight.T + bias, on features as they were extracted.

    weight: (K, D) float32; bias: (K,) float32. Standardisation is folded into both.
    converged: whether its optimisation ended at the minimum; a head in closed form has.
    """

    weight: np.ndarray
    bias: np.ndarray
    converged: bool

    def logits(self, features: np.ndarray) -> np.ndarray:
        """(N, D) features to (N, K) float32 logits."""
        return np.asarray(features, dtype=np.float32) @ self.weight.T + self.bias

    def accuracy(self, features: np.ndarray, labels: np.ndarray) -> float:
        """Share of rows whose largest logit is the label's; a tie goes to the lower class."""
        return float(np.mean(self.logits(features).argmax(axis=1) == labels))

    def cross_entropies(self, features: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """-log softmax(logits)[label] of each row, (N,) float64, in nats."""
        logits = self.logits(features).astype(np.float64)
        logits -= logits.max(axis=1, keepdims=True)
        return np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(labels)), labels]

    def cross_entropy(self, features: np.ndarray, labels: np.ndarray) -> float:
        """Their mean."""
        return float(np.mean(self.cross_entropies(features, labels)))


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


def as_tensors(
    features: np.ndarray, labels: np.ndarray, device: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """(N, D) finite features as float32 and (N,) whole numbers as int64, copied to the device."""
    # a memory map may be read-only, which a tensor cannot express
    copied = torch.tensor(np.asarray(features), dtype=torch.float32, device=device)
    return copied, torch.tensor(labels.astype(np.int64), device=device)


def ridge_path(
    train_x: np.ndarray,
    train_y: np.ndarray,
    penalties: Sequence[float],
    num_classes: int,
    device: str = "cpu",
) -> list[LinearHead]:
    """A head for each penalty a: the minimum of ||X W' + b - T||^2 + a ||W||^2.

    X: train_x (N, D) standardised; T: (N, K), 1 for a row's class and 0 elsewhere (with -1 for 0
    the same classes are predicted: W and b are only doubled and shifted alike). The bias is not
    penalised. One eigendecomposition X'X = V S V' serves all penalties:
    W' = V (S + a)^-1 V' X' T; with fewer rows than columns, of the rows' Gram matrix instead.
    All of it in float64. The class with the largest output is predicted.
    """
    features, labels = as_tensors(train_x, train_y, device)
    standardiser = fit_standardiser(features)
    standard = standardiser.apply(features).double()
    standard -= standard.mean(dim=0)
    targets = torch.nn.functional.one_hot(labels, num_classes).double()
    means = targets.mean(dim=0)
    targets -= means
    wide = standard.shape[0] < standard.shape[1]
    gram = standard @ standard.T if wide else standard.T @ standard
    spectrum, vectors = torch.linalg.eigh(gram)
    spectrum = spectrum.clamp_min(0)
    projected = vectors.T @ (targets if wide else standard.T @ targets)
    heads = []
    for penalty in penalties:
        solved = vectors @ (projected / (spectrum + penalty)[:, None])
        weight = (standard.T @ solved if wide else solved).T
        original, bias = standardiser.unfold(weight, means)
        heads.append(
            LinearHead(original.float().cpu().numpy(), bias.float().cpu().numpy(), converged=True)
        )
    return heads


def fit_ridge(
    train_x: np.ndarray,
    train_y: np.ndarray,
    val_x: np.ndarray,
    val_y: np.ndarray,
    num_classes: int,
    device: str = "cpu",
    *,
    refit: bool = False,
) -> LinearHead:
    """Fit PENALTIES on train, choose by val accuracy (a tie: the larger penalty).

    refit: fit with that penalty on train and val.
    """
    heads = ridge_path(train_x, train_y, PENALTIES, num_classes, device)
    _, penalty, head = max(
        (
            (head.accuracy(val_x, val_y), penalty, head)
            for penalty, head in zip(PENALTIES, heads, strict=True)
        ),
        key=lambda one: one[:2],
    )
    if not refit:
        return head
    both_x, both_y = np.concatenate([train_x, val_x]), np.concatenate([train_y, val_y])
    return ridge_path(both_x, both_y, [penalty], num_classes, device)[0]
