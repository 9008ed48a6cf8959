"""What one finished run looks like to those who read it. Plain data; knows no torch."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvlib.errors import CvlibError

if TYPE_CHECKING:
    import numpy as np


class DamagedRun(CvlibError):
    """A run's folder is incomplete or altered; its numbers must not be read."""


@dataclass(frozen=True)
class Predictions:
    """What a run says of every test image.

    logits: (N, C) float32, stored as float16; labels: (N,) int64, the truth;
    ids: (N,) int64, positions in the dataset's own test split.
    """

    logits: np.ndarray
    labels: np.ndarray
    ids: np.ndarray

    @property
    def predicted(self) -> np.ndarray:
        """Predicted class, (N,) int64."""
        return self.logits.argmax(axis=1)

    @property
    def correct(self) -> np.ndarray:
        """Whether each prediction is right, (N,) bool."""
        return self.predicted == self.labels


@dataclass(frozen=True)
class Run:
    """One finished run as it lies in the store.

    spec: the resolved spec, every default written out; metrics: name -> number;
    history: one mapping an epoch, none for a probe; provenance: code, environment, git commit,
    what it was run for; weights_sha256: of the pretrained weights it started from.
    """

    key: str
    folder: Path
    spec: dict[str, Any]
    dataset_fingerprint: str
    metrics: dict[str, float]
    history: list[dict[str, float]]
    provenance: dict[str, Any]
    weights_sha256: str | None = None

    @cached_property
    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """Smaller tables that the run left besides its metrics: name -> rows."""
        path = self.folder / "tables.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def embedding(self) -> dict[str, np.ndarray] | None:
        """Maps of the test images' features, None where the run kept none.

        pca, tsne: (N, 2) float32; labels, ids: (N,) int64; explained: (k,) shares of variance of
        the first principal components; perplexity: () float32.
        """
        path = self.folder / "embedding.npz"
        if not path.exists():
            return None
        import numpy as np  # here and below: who only reads states needs no numpy

        with np.load(path, allow_pickle=False) as stored:
            arrays = {
                name: stored[name].astype(np.int64) if name in ("labels", "ids") else stored[name]
                for name in stored.files
            }
        if "perplexity" in arrays:  # the first runs' have shape (1,)
            arrays["perplexity"] = arrays["perplexity"].reshape(())
        return arrays

    def predictions(self) -> Predictions:
        """Read the test predictions, (N, C) logits with labels and ids."""
        import numpy as np

        with np.load(self.folder / "predictions.npz", allow_pickle=False) as stored:
            return Predictions(
                logits=stored["logits"].astype(np.float32),
                labels=stored["labels"].astype(np.int64),
                ids=stored["ids"].astype(np.int64),
            )


@dataclass(frozen=True)
class FailedRun:
    """A run that ended without a result, with the reason.

    lasting: it would fail again (a diverged loss), as opposed to a crash of the machine.
    """

    key: str
    spec: dict[str, Any]
    dataset_fingerprint: str
    reason: str
    lasting: bool
    provenance: dict[str, Any] = field(default_factory=dict)
    weights_sha256: str | None = None
