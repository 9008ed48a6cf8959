"""What a model's logits say of each image: confidence, hardness, mistakenness.

Hardness and mistakenness are FiftyOne Brain's, as its documentation and source (fiftyone-brain
0.25, core/hardness.py and core/mistakenness.py, the variant with use_logits=True) define them:
with p = softmax(logits), H = -sum_c p_c ln p_c, and m = -1 where the predicted class is the label,
+1 where it is not,

    hardness = H,    mistakenness = (m exp(-H) + 1) / 2.

Source: https://docs.voxel51.com/brain.html, "Label mistakes" and "Sample hardness".
"""

from __future__ import annotations

import numpy as np


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities of the classes, (N, C) float64, from logits (N, C)."""
    shifted = _checked(logits)
    shifted = shifted - shifted.max(axis=1, keepdims=True)
    weights = np.exp(shifted)
    return weights / weights.sum(axis=1, keepdims=True)


def confidence(logits: np.ndarray) -> np.ndarray:
    """Probability of the predicted class, (N,) in 1/C..1, from logits (N, C)."""
    return softmax(logits).max(axis=1)


def hardness(logits: np.ndarray) -> np.ndarray:
    """Entropy of the predicted probabilities in nats, (N,) in 0..ln C, from logits (N, C)."""
    probabilities = softmax(logits)
    # 0 ln 0 = 0: a probability that underflowed adds nothing
    logarithms = np.log(np.where(probabilities > 0, probabilities, 1.0))
    # a one-hot row gives -0.0, which is shown with its sign
    return np.maximum(-(probabilities * logarithms).sum(axis=1), 0.0)


def mistakenness(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How likely each label is wrong, (N,) in 0..1: above 1/2 exactly where the model disagrees.

    logits: (N, C); labels: (N,) class indices. A confident agreement is near 0, a confident
    disagreement near 1, an undecided model near 1/2 on either side.
    """
    logits, labels = _checked(logits), np.asarray(labels)
    if labels.shape != (len(logits),):
        raise ValueError(
            f"labels: {labels.shape} for logits {logits.shape}: expected one label a row"
        )
    sign = np.where(logits.argmax(axis=1) == labels, -1.0, 1.0)
    return (sign * np.exp(-hardness(logits)) + 1) / 2


def _checked(logits: np.ndarray) -> np.ndarray:
    logits = np.asarray(logits, dtype=np.float64)
    if logits.ndim != 2 or logits.shape[1] < 2:
        raise ValueError(f"logits: expected (N, C) with two or more classes, got {logits.shape}")
    if not np.isfinite(logits).all():
        row = int(np.flatnonzero(~np.isfinite(logits).all(axis=1))[0])
        raise ValueError(f"logits: row {row} is not finite; the run that made them is damaged")
    return logits
