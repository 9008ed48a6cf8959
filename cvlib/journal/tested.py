"""What the journal needs of a run's test predictions, small enough to be kept for a whole chapter."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from cvlib.results.run import Run


@dataclass(frozen=True, eq=False)
class Tested:
    """correct: (N,) bool; labels, ids: (N,) int64; classes: C; logits_digest: of all logits."""

    correct: np.ndarray
    labels: np.ndarray
    ids: np.ndarray
    classes: int
    logits_digest: str

    @classmethod
    def of(cls, run: Run) -> Tested:
        """Read a run's predictions once; a hundred runs' logits would not be kept lightly."""
        read = run.predictions()
        digest = hashlib.sha256(np.ascontiguousarray(read.logits).tobytes()).hexdigest()
        return cls(read.correct, read.labels, read.ids, read.logits.shape[1], digest)
