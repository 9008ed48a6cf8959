"""Approximate inverse Hessians of logistic regression, as preconditioners of L-BFGS."""

from __future__ import annotations

import torch

_NEGLIGIBLE = 1e-2  # rows with less p (1 - p) enter a block by their mean alone
_LARGEST = 2**28  # elements of all blocks: 1 GB


def mean_curvature(probabilities: torch.Tensor) -> torch.Tensor:
    """Mean p (1 - p), (p, 1, 1), of probabilities (p, K, N); of K - 1 free classes.

    Boehning (1992) bounds the Hessian by 1/2 of the Gram matrix; this is what it is on average.
    """
    classes, rows = probabilities.shape[1:]
    spread = 1 - probabilities.square().sum(dim=(1, 2)) / rows
    return (spread / (classes - 1)).clamp_min(1e-12).view(-1, 1, 1)


def blocks_fit(classes: int, columns: int) -> bool:
    """Whether `class_blocks` are small enough to be held in memory."""
    return classes * columns**2 <= _LARGEST


def class_blocks(
    design: torch.Tensor,
    squares: torch.Tensor,
    penalised: torch.Tensor,
    probabilities: torch.Tensor,
    strength: float,
) -> torch.Tensor:
    """Inverses (K, D, D) of the Hessian's diagonal blocks, C X' diag(p (1 - p)) X + 1 each.

    design: (N, D) with orthogonal columns of squared norms `squares`; probabilities: (K, N).
    Where classes are nearly separated few rows are uncertain, and different ones for each class:
    only those rows are multiplied out; of the others the sum of p (1 - p) counts, times the Gram
    matrix of all rows, which is diagonal here.
    """
    classes, columns = len(probabilities), design.shape[1]
    blocks = torch.empty(classes, columns, columns, dtype=design.dtype, device=design.device)
    for block, probability in zip(blocks, probabilities, strict=True):
        weights = probability * (1 - probability)
        kept = weights > _NEGLIGIBLE
        rows = design[kept] * weights[kept].sqrt()[:, None]
        torch.mm(rows.T, rows, out=block)
        block.diagonal().add_(weights[~kept].sum() / len(design) * squares)
        block *= strength
        # the bias has no penalty: the last term keeps its row positive definite
        block.diagonal().add_(penalised + 1e-6 * block.diagonal().max())
        torch.cholesky_inverse(torch.linalg.cholesky(block), out=block)
    return blocks


def apply_blocks(blocks: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
    """(K, D, D) times each (K, D) of (p, K, D)."""
    return torch.bmm(gradient.transpose(0, 1), blocks).transpose(0, 1)
