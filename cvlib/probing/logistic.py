"""Multinomial logistic regression along a path of regularisation strengths, chosen by loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from scipy.interpolate import CubicSpline

from cvlib.probing.lbfgs import Solution, minimise
from cvlib.probing.linear_head import LinearHead, as_tensors, fit_standardiser
from cvlib.training.clock import Clock, Seconds

MAX_ITERATIONS = 1000
SMALL_VALIDATION = 1000  # images: with fewer, which C is best there is largely chance
FOLDS = 5
_DENSE = 20  # strengths from which on some are solved first
_FIRST = 10  # about as many as that


@dataclass(frozen=True)
class ChosenProbe:
    """The strength C of the lowest loss, and the heads fitted with it.

    head: to be evaluated once on test; head_train: fitted on train only, the same unless refitted.
    c_low, c_high: the strengths whose loss is within one standard error of the lowest, of all that
    the choice could as well have been. folds: 0 where val chose, else those of train that did.
    rows: one per strength, in order: c, choice_loss and choice_loss_se (mean cross-entropy, nats,
    that the choice is by, and its standard error over images), train_loss, val_loss,
    val_accuracy, converged. seconds: of all of it.
    """

    head: LinearHead
    head_train: LinearHead
    c: float
    c_low: float
    c_high: float
    folds: int
    rows: list[dict[str, float | bool]]
    seconds: Seconds


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
    folds: int | None = None,
    refit: bool = False,
) -> ChosenProbe:
    """Fit the path on train and choose the C of the lowest mean cross-entropy; a tie: the smaller.

    The loss is that on val. With fewer than SMALL_VALIDATION images there (and FOLDS in train), it
    is that of each training image under heads fitted without its fold, of FOLDS stratified ones
    that are the same in every run. folds: so many whatever val has, 0: val. refit: fit `head` on
    train and val together.
    """
    clock = Clock(device)
    if folds is None:
        folds = FOLDS if len(val_y) < SMALL_VALIDATION and len(train_y) >= FOLDS else 0
    heads = path(train_x, train_y, strengths, num_classes, device)
    if folds:
        losses = _losses_out_of_fold(train_x, train_y, strengths, num_classes, device, folds)
    else:
        losses = np.stack([head.cross_entropies(val_x, val_y) for head in heads])
    mean = losses.mean(axis=1)
    error = losses.std(axis=1) / np.sqrt(max(1, losses.shape[1] - 1))
    rows: list[dict[str, float | bool]] = [
        {
            "c": float(c),
            "choice_loss": float(mean[i]),
            "choice_loss_se": float(error[i]),
            "train_loss": head.cross_entropy(train_x, train_y),
            "val_loss": head.cross_entropy(val_x, val_y),
            "val_accuracy": head.accuracy(val_x, val_y),
            "converged": head.converged,
        }
        for i, (c, head) in enumerate(zip(strengths, heads, strict=True))
    ]
    best = min(range(len(rows)), key=lambda i: (mean[i], strengths[i]))
    c = float(strengths[best])
    as_good = np.asarray(strengths)[mean <= mean[best] + error[best]]
    head = heads[best]
    if refit:
        both_x, both_y = np.concatenate([train_x, val_x]), np.concatenate([train_y, val_y])
        head = path(both_x, both_y, [c], num_classes, device)[0]
    low, high = float(as_good.min()), float(as_good.max())
    return ChosenProbe(head, heads[best], c, low, high, folds, rows, clock.lap())


def stratified_folds(labels: np.ndarray, folds: int) -> np.ndarray:
    """The fold (N,) of each row, 0 to folds - 1: sizes differ by one at most, within a class too.

    Which rows share one is random, and the same on every call.
    """
    order = np.lexsort((np.random.default_rng(0).random(len(labels)), labels))  # class by class
    fold = np.empty(len(labels), dtype=np.int64)
    fold[order] = np.arange(len(labels)) % folds
    return fold


def _losses_out_of_fold(
    x: np.ndarray,
    y: np.ndarray,
    strengths: Sequence[float] | np.ndarray,
    num_classes: int,
    device: str,
    folds: int,
) -> np.ndarray:
    """Cross-entropy (strengths, N) of each row under heads fitted on the other folds."""
    fold = stratified_folds(y, folds)
    losses = np.empty((len(strengths), len(y)))
    for left_out in np.unique(fold):
        out = fold == left_out
        heads = path(x[~out], y[~out], strengths, num_classes, device)
        losses[:, out] = [head.cross_entropies(x[out], y[out]) for head in heads]
    return losses


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
