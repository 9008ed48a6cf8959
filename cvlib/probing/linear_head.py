"""A linear classifier on features, and how its optimisation ended."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


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

    def cross_entropy(self, features: np.ndarray, labels: np.ndarray) -> float:
        """Mean of -log softmax(logits)[label], in nats."""
        logits = self.logits(features).astype(np.float64)
        logits -= logits.max(axis=1, keepdims=True)
        at_label = logits[np.arange(len(labels)), labels]
        return float(np.mean(np.log(np.exp(logits).sum(axis=1)) - at_label))
