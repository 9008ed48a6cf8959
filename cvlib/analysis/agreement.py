"""Do models fail on the same images? Images all get wrong, images only one gets right, kappa."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PairAgreement:
    """Two models a < b (rows): share of images where both are right or both are wrong.

    observed; expected of two independent models of the same accuracies; kappa: 1 when they fail on
    the same images, 0 when as independent ones would, negative when on others; NaN where both are
    always right or always wrong, so that nothing can be said.
    """

    a: int
    b: int
    observed: float
    expected: float
    kappa: float


@dataclass(frozen=True)
class Agreement:
    """Agreement of M models on N images; models may be seeds of one variant.

    correct: (M, N) bool; right: (N,) int64, models that are right; all_wrong, all_right: rows of
    such images, int64; pairs: every two models, in order.
    """

    correct: np.ndarray
    right: np.ndarray
    all_wrong: np.ndarray
    all_right: np.ndarray
    pairs: list[PairAgreement]

    @property
    def models(self) -> int:
        """M."""
        return len(self.correct)

    @property
    def images(self) -> int:
        """N."""
        return self.correct.shape[1]

    def only(self, model: int) -> np.ndarray:
        """Rows of the images that this model alone gets right, (K,) int64."""
        if not 0 <= model < self.models:
            raise ValueError(f"model {model}: expected 0..{self.models - 1}")
        return np.flatnonzero(self.correct[model] & (self.right == 1))


def agreement(correct: np.ndarray) -> Agreement:
    """Compare what models get right.

    correct: (M, N) bool, all on the same images in the same order. Error consistency of two models
    with accuracies p and q is Cohen's kappa of being right: kappa = (c_obs - c_exp) / (1 - c_exp),
    c_exp = p q + (1 - p)(1 - q).
    Source: Geirhos, Meding and Wichmann, "Beyond accuracy: quantifying trial-by-trial behaviour of
    CNNs and humans by measuring error consistency", NeurIPS 2020, equations 1 to 3.
    """
    correct = np.asarray(correct)
    if correct.ndim != 2 or correct.dtype != bool or not correct.size:
        raise ValueError(f"correct: expected (M, N) bool, got {correct.shape} {correct.dtype}")
    models = len(correct)
    right = correct.sum(axis=0)
    return Agreement(
        correct=correct,
        right=right,
        all_wrong=np.flatnonzero(right == 0),
        all_right=np.flatnonzero(right == models),
        pairs=[_pair(correct, a, b) for a, b in itertools.combinations(range(models), 2)],
    )


def _pair(correct: np.ndarray, a: int, b: int) -> PairAgreement:
    observed = float((correct[a] == correct[b]).mean())
    p, q = float(correct[a].mean()), float(correct[b].mean())
    expected = p * q + (1 - p) * (1 - q)
    kappa = (observed - expected) / (1 - expected) if expected < 1 else float("nan")
    return PairAgreement(a, b, observed, expected, kappa)
