"""Groups of images that lie together on a stored map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

IMAGES_A_CLUSTER = 50
MOST_CLUSTERS = 20


def clusters(points: np.ndarray, seed: int, count: int | None = None) -> np.ndarray:
    """Cut a map into groups by k-means. points: (N, 2). Returns (N,) int64, 0 is the largest.

    count: None for one a 50 images, 2 to 20 (fewer only if there are fewer points). It is set by
    what the groups are for, comparing errors: 20% of 50 images is known to about 11 points
    either way, and each further group is a further test. It is not estimated, for instance by
    silhouettes: on a t-SNE map distances between groups mean nothing, and there are no true
    groups to find. Ten starts by k-means++; one thread, so that points and seed determine the
    groups. Raises ValueError for other shapes, points that are not finite or a count outside 1..N.
    Source: Lloyd, IEEE Trans. Inf. Theory 28(2), 1982; Arthur and Vassilvitskii, SODA 2007.
    Implementation: scikit-learn.
    """
    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise ValueError(f"points: expected (N, 2) finite numbers, got shape {points.shape}")
    distinct = len(np.unique(points, axis=0))
    if count is None:
        wanted = min(MOST_CLUSTERS, max(2, len(points) // IMAGES_A_CLUSTER))
        count = min(wanted, distinct)
    if not 1 <= count <= distinct:
        raise ValueError(f"count is {count}: expected 1 to {distinct}, the number of points apart")
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        found = KMeans(n_clusters=count, n_init=10, random_state=seed).fit_predict(points)
    largest_first = np.argsort(-np.bincount(found, minlength=count), kind="stable")
    rank = np.empty(count, dtype=np.int64)
    rank[largest_first] = np.arange(count)
    named: np.ndarray = rank[found]
    return named


def describe(labels: np.ndarray, class_names: Sequence[str], most: int = 2) -> str:
    """Say what a group is made of: "Shirt 61%, Coat 20%".

    labels: (K,) positions in class_names, K >= 1. At most `most` classes, the most frequent first
    (equal ones in the order of the classes), each with at least a tenth of the images, or the
    most frequent alone. Raises ValueError for no images.
    """
    if not len(labels):
        raise ValueError("describe: a group without images has no classes")
    shares = np.bincount(labels, minlength=len(class_names)) / len(labels)
    order = np.argsort(-shares, kind="stable")[:most].tolist()
    named = [code for code in order if shares[code] >= 0.1] or order[:1]
    return ", ".join(f"{class_names[code]} {shares[code]:.0%}" for code in named)
