"""Multinomial logistic regression along a path of regularisation strengths, chosen on val."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from scipy.interpolate import CubicSpline

from cvlib.probing.lbfgs import Solution, minimise
from cvlib.probing.linear_head import LinearHead, as_tensors, fit_standardiser

MAX_ITERATIONS = 1000
_DENSE = 20  # strengths from which on some are solved first
_FIRST = 10  # about as many as that


@dataclass(frozen=True)
class ChosenProbe:
    """The strength chosen on val, and the heads fitted with it.

    head: fitted on train and val together, to be evaluated once on test. head_train: on train
    only, so that its accuracy on val is what the choice was made by. rows: one per strength, in
    order: c, train_loss and val_loss (mean cross-entropy, nats), val_accuracy, converged.
    seconds: wall time of all of it.
    """

    head: LinearHead
    head_train: LinearHead
    c: float
    rows: list[dict[str, float | bool]]
    seconds: float


def path(
    train_x: np.ndarray,
    train_y: np.ndarray,
    strengths: Sequence[float] | np.ndarray,
    num_classes: int,
    device: str = "cpu",
) -> list[LinearHead]:
    """A head for each strength C: the minimum of C sum(cross-entropy) + ||W||^2 / 2.

    The loss is scikit-learn's LogisticRegression on features standardised by train_x; biases are
    not penalised. train_x: (N, D); train_y: (N,) whole numbers below num_classes.

    A class without a training image gets zero weights and the bias -log(2N). The other classes'
    logits sum to zero, so the largest is never below it: that class is never predicted.
    """
    values = [float(c) for c in strengths]
    features, labels = as_tensors(train_x, train_y, device)
    standardiser = fit_standardiser(features)
    standard = standardiser.apply(features)
    present, relabelled = labels.unique(return_inverse=True)
    count, rows, columns = len(values), *features.shape
    # of a single class, nothing has to be solved
    weight = torch.zeros(count, len(present), columns, device=features.device)
    bias = torch.zeros(count, len(present), device=features.device)
    converged = [True] * count
    if len(present) > 1:
        rotation = principal_directions(standard)
        solution = _solve(standard @ rotation, relabelled, values, len(present))
        weight, bias = solution.weight @ rotation.T, solution.bias
        converged = solution.converged.tolist()
    heads = []
    for i in range(count):
        # in the features' own units, and for classes without an image too
        original, shifted = standardiser.unfold(weight[i], bias[i])
        full = original.new_zeros(num_classes, columns)
        full[present] = original
        biases = original.new_full((num_classes,), -float(np.log(2 * rows)))
        biases[present] = shifted
        heads.append(
            LinearHead(full.float().cpu().numpy(), biases.float().cpu().numpy(), converged[i])
        )
    return heads


def choose(
    train_x: np.ndarray,
    train_y: np.ndarray,
    val_x: np.ndarray,
    val_y: np.ndarray,
    strengths: Sequence[float] | np.ndarray,
    num_classes: int,
    device: str = "cpu",
    *,
    refit: bool = True,
) -> ChosenProbe:
    """Fit the path on train, choose C by val accuracy, refit with that C on train and val.

    refit=False: `head` is `head_train`, for those who may use val for the choice only.
    Equal accuracies: the lower val loss, then the smaller C.
    """
    began = time.perf_counter()
    heads = path(train_x, train_y, strengths, num_classes, device)
    rows: list[dict[str, float | bool]] = [
        {
            "c": float(c),
            "train_loss": head.cross_entropy(train_x, train_y),
            "val_loss": head.cross_entropy(val_x, val_y),
            "val_accuracy": head.accuracy(val_x, val_y),
            "converged": head.converged,
        }
        for c, head in zip(strengths, heads, strict=True)
    ]
    best = min(
        range(len(rows)),
        key=lambda i: (-rows[i]["val_accuracy"], rows[i]["val_loss"], rows[i]["c"]),
    )
    c = float(rows[best]["c"])
    head = heads[best]
    if refit:
        both_x, both_y = np.concatenate([train_x, val_x]), np.concatenate([train_y, val_y])
        head = path(both_x, both_y, [c], num_classes, device)[0]
    return ChosenProbe(head, heads[best], c, rows, time.perf_counter() - began)


def _solve(
    features: torch.Tensor, labels: torch.Tensor, values: list[float], classes: int
) -> Solution:
    """All strengths in one batch; of a dense path about 10 first, which the others start from.

    Weights are smooth in log C, so a cubic spline through some of them is a good guess:
    on 45 values over four decades the others then need a few iterations each.
    """
    strengths = torch.tensor(values, dtype=torch.float32, device=features.device)

    def batch(rows: torch.Tensor, start: torch.Tensor | None) -> Solution:
        return minimise(features, labels, strengths[rows], classes, MAX_ITERATIONS, start)

    unique, inverse = np.unique(np.asarray(values, dtype=np.float32), return_inverse=True)
    if len(unique) < _DENSE or len(unique) < len(values):
        return batch(torch.arange(len(values), device=features.device), None)
    order = torch.tensor(np.argsort(inverse), device=features.device)
    first = torch.zeros(len(values), dtype=torch.bool, device=features.device)
    first[:: -(-len(unique) // _FIRST)] = True  # rounded up: at least every second
    first[-1] = True
    known = batch(order[first], None)
    guess = CubicSpline(
        np.log(unique[first.cpu().numpy()]),
        torch.cat([known.weight, known.bias[..., None]], dim=2).cpu().numpy(),
    )(np.log(unique[~first.cpu().numpy()]))
    others = batch(order[~first], torch.tensor(guess, dtype=torch.float32, device=features.device))
    back = torch.cat([order[first], order[~first]]).argsort()
    return Solution(
        *(
            torch.cat([getattr(part, field.name) for part in (known, others)])[back]
            for field in fields(Solution)
        )
    )


def principal_directions(features: torch.Tensor) -> torch.Tensor:
    """Orthonormal columns (D, min(N, D)) that span the rows of (N, D), by falling variance.

    The optimal weights lie in the span of the rows, so nothing is lost with fewer rows than
    columns; there a QR decomposition first makes the problem N x N.
    """
    if len(features) < features.shape[1]:
        basis, triangle = torch.linalg.qr(features.T)
        _, vectors = torch.linalg.eigh(triangle @ triangle.T)
        return (basis @ vectors).flip(1)
    _, vectors = torch.linalg.eigh(features.T @ features)
    return vectors.flip(1)
