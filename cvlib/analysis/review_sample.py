"""Which mistakes a person looks at, when all are too many."""

from __future__ import annotations

import numpy as np


def review_sample(wrong_ids: np.ndarray, size: int = 60, seed: int = 0) -> np.ndarray:
    """A random sample of the mistakes without replacement, ids in rising order.

    wrong_ids: (K,) ids of the images that are wrong, in any order, each once. The same set of ids
    gives the same sample; min(size, K) of them. Shares found in the sample hold for all mistakes,
    which those of the most confident ones would not.
    Raises ValueError for a size below 1 or an id given twice.
    """
    ids = np.asarray(wrong_ids)
    if ids.ndim != 1 or (ids.size and not np.issubdtype(ids.dtype, np.integer)):
        raise ValueError(f"wrong_ids: expected (K,) whole numbers, got {ids.shape} {ids.dtype}")
    if size < 1:
        raise ValueError(f"size: {size}, expected at least 1 image to review")
    ordered = np.unique(ids).astype(np.int64)
    if len(ordered) < len(ids):
        raise ValueError(f"wrong_ids: {len(ids)} ids, {len(ordered)} of them different")
    if len(ordered) <= size:
        return ordered
    drawn = np.random.default_rng(seed).choice(len(ordered), size=size, replace=False)
    return ordered[np.sort(drawn)]
