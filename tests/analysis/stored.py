"""Real trained runs of this project, and label errors planted in them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from cvlib.journal import experiment
from cvlib.results.run import Predictions

ROOT = Path(__file__).parents[2]


@lru_cache(maxsize=8)
def stored_predictions(name: str, variant: str, seed: int) -> Predictions:
    """Test predictions of one committed run, such as exp01's base with seed 0."""
    return experiment(name, root=ROOT, profile="default")[variant].runs[seed].predictions()


def planted(labels: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels (N,) with a share of them moved to another class at random, and which, (N,) bool."""
    generator = np.random.default_rng(seed)
    classes = int(labels.max()) + 1
    rows = generator.choice(len(labels), round(share * len(labels)), replace=False)
    noisy = labels.copy()
    noisy[rows] = (labels[rows] + generator.integers(1, classes, len(rows))) % classes
    return noisy, noisy != labels
