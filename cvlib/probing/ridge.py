"""Ridge classifier: least squares on one-hot targets, its strength chosen on val."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from cvlib.probing.linear_head import LinearHead
from cvlib.probing.standardise import as_features, as_labels, fit_standardiser

PENALTIES = tuple(float(v) for v in np.logspace(-2, 6, 25))


@dataclass(frozen=True)
class ChosenRidge:
    """head: fitted on train and val at the chosen penalty; rows: penalty, val_accuracy of each."""

    head: LinearHead
    head_train: LinearHead
    penalty: float
    rows: list[dict[str, float]]
    seconds: float


def path(
    train_x: np.ndarray,
    train_y: np.ndarray,
    penalties: Sequence[float] | np.ndarray,
    num_classes: int,
    device: str = "cpu",
) -> list[LinearHead]:
    """A head for each penalty a: the minimum of ||X W' + b - T||^2 + a ||W||^2.

    X: train_x (N, D) standardised; T: (N, K), 1 for a row's class and 0 elsewhere (with -1 for 0
    the same classes are predicted: W and b are only doubled and shifted alike). The bias is not
    penalised. One eigendecomposition X'X = V S V' serves all penalties:
    W' = V (S + a)^-1 V' X' T; with fewer rows than columns, of the rows' Gram matrix instead.
    All of it in float64. The class with the largest output is predicted.

    Raises ValueError as `logistic.path` does.
    """
    values = [float(penalty) for penalty in penalties]
    if not values or not all(0 < penalty < float("inf") for penalty in values):
        raise ValueError(f"penalties {values}: expected at least one, each above 0 and finite")
    features = as_features(train_x, device, "train_x")
    labels = as_labels(train_y, len(features), num_classes, device, "train_y")
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
    for penalty in values:
        solved = vectors @ (projected / (spectrum + penalty)[:, None])
        weight = (standard.T @ solved if wide else solved).T
        original, bias = standardiser.unfold(weight, means)
        heads.append(
            LinearHead(
                weight=original.float().cpu().numpy(),
                bias=bias.float().cpu().numpy(),
                converged=True,
            )
        )
    return heads


def fit(
    train_x: np.ndarray,
    train_y: np.ndarray,
    val_x: np.ndarray,
    val_y: np.ndarray,
    num_classes: int,
    device: str = "cpu",
    penalties: Sequence[float] | np.ndarray = PENALTIES,
) -> ChosenRidge:
    """Fit the path on train, choose by val accuracy (a tie: the larger penalty), refit on both."""
    began = time.perf_counter()
    val_x = as_features(val_x, "cpu", "val_x").numpy()
    val_y = as_labels(val_y, len(val_x), num_classes, "cpu", "val_y").numpy()
    heads = path(train_x, train_y, penalties, num_classes, device)
    rows = [
        {"penalty": float(penalty), "val_accuracy": head.accuracy(val_x, val_y)}
        for penalty, head in zip(penalties, heads, strict=True)
    ]
    best = max(range(len(rows)), key=lambda i: (rows[i]["val_accuracy"], rows[i]["penalty"]))
    both_x = np.concatenate([np.asarray(train_x, dtype=np.float32), val_x])
    both_y = np.concatenate([np.asarray(train_y), val_y])
    penalty = rows[best]["penalty"]
    refit = path(both_x, both_y, [penalty], num_classes, device)[0]
    return ChosenRidge(refit, heads[best], penalty, rows, time.perf_counter() - began)
