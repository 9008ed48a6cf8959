"""What the dashboard shows of one run: its predictions and what follows from them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cvlib.analysis.confidence import hardness, mistakenness, softmax
from cvlib.analysis.feature_maps import principal_components
from cvlib.dashboard.choose import ChosenRun
from cvlib.results.run import Predictions


@dataclass(frozen=True, eq=False)
class RunContent:
    """One run on n of the dashboard's N images.

    rows: (n,) positions of its images among the dashboard's, rising; logits: (n, C) float32;
    labels: (n,) the truth; maps: name -> ((m,) positions among the dashboard's, (m, 2) points).
    """

    chosen: ChosenRun
    rows: np.ndarray
    logits: np.ndarray
    labels: np.ndarray
    maps: dict[str, tuple[np.ndarray, np.ndarray]]

    @classmethod
    def of(cls, chosen: ChosenRun, predictions: Predictions, ids: np.ndarray) -> RunContent:
        """ids: (N,) of the dashboard's images, rising; those of the run are among them."""
        order = np.argsort(predictions.ids, kind="stable")
        logits, labels = predictions.logits[order], predictions.labels[order]
        rows = np.searchsorted(ids, predictions.ids[order])
        return cls(chosen, rows, logits, labels, _maps(chosen, logits, rows, ids))

    @property
    def field(self) -> str:
        """Name of its predictions in FiftyOne."""
        return self.chosen.field

    @property
    def eval_key(self) -> str:
        """Name of its evaluation, and of the field that says whether it is right."""
        return f"eval_{self.chosen.field}"

    @cached_property
    def predicted(self) -> np.ndarray:
        """Predicted class, (n,)."""
        return self.logits.argmax(axis=1)

    @property
    def correct(self) -> np.ndarray:
        """Whether each prediction is right, (n,) bool."""
        correct: np.ndarray = self.predicted == self.labels
        return correct

    @cached_property
    def probabilities(self) -> np.ndarray:
        """(n, C) float64."""
        return softmax(self.logits)

    @property
    def confidence(self) -> np.ndarray:
        """Probability of the predicted class, (n,)."""
        confidence: np.ndarray = self.probabilities.max(axis=1)
        return confidence

    @cached_property
    def hardness(self) -> np.ndarray:
        """Entropy in nats, (n,)."""
        return hardness(self.logits)

    @cached_property
    def mistakenness(self) -> np.ndarray:
        """(n,) 0..1."""
        return mistakenness(self.logits, self.labels)

    @property
    def digest(self) -> str:
        """Of all that is written for this run alone."""
        digest = hashlib.sha256(f"{self.chosen.title}\0{self.chosen.run.key}".encode())
        arrays = [self.rows, self.logits, self.labels]
        for name, (rows, points) in self.maps.items():
            digest.update(name.encode())
            arrays += [rows, points]
        for array in arrays:
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def _maps(
    chosen: ChosenRun, logits: np.ndarray, rows: np.ndarray, ids: np.ndarray
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The run's stored maps; of a run that kept none, principal components of its logits."""
    stored = chosen.run.embedding()
    if stored is None:
        points, _ = principal_components(logits, 2)
        return {f"{chosen.field}_logits_pca": (rows, points)}
    at = np.searchsorted(ids, stored["ids"])
    return {
        f"{chosen.field}_{name}": (at, stored[name].astype(np.float64)) for name in ("pca", "tsne")
    }
