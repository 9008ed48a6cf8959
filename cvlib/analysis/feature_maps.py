"""What a run keeps of its test features: maps to draw, and how well the classes lie apart in them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cvlib.analysis.intervals import Interval, bootstrap_interval

_SAMPLE_SEED = 0  # the images that are mapped are the same in every run on the same data
_FEWEST = 5  # images, for a perplexity above 1
COMPONENTS_BEFORE_TSNE = 50
RATIOS_KEPT = 10
NEIGHBOURS = 10
MOST_OVERLAPS = 30  # pairs of classes that are kept, the worst first
_BLOCK = 2_000  # rows of similarities at a time: 2,000 × 10,000 float32 are 80 MB


@dataclass(frozen=True)
class FeatureMaps:
    """arrays (its embedding), metrics and tables as `results.Store.write_run` takes them."""

    arrays: dict[str, np.ndarray] | None
    metrics: dict[str, float]
    tables: dict[str, list[dict[str, Any]]]


def feature_maps(
    features: np.ndarray,
    labels: np.ndarray,
    ids: np.ndarray,
    class_names: Sequence[str],
    *,
    perplexity: float,
    images: int,
    seed: int,
) -> FeatureMaps:
    """PCA, t-SNE and separability of about `images` rows of `features` (N, D), by class.

    labels, ids: (N,). perplexity: of t-SNE, at most a third of the rows that are mapped; the one
    that was used is among the arrays, (). Raises ValueError for features that cannot be mapped:
    fewer than 5 rows, values that are not finite, or all rows equal.
    """
    chosen = sample(labels, images)
    features, labels, ids = features[chosen], labels[chosen], ids[chosen]
    if len(labels) < _FEWEST:
        raise ValueError(f"t-SNE needs at least {_FEWEST} test images, got {len(labels)}")
    # only here it is known how many there are, and t-SNE looks at 3 * perplexity neighbours of each
    maps = embed(features, seed, min(perplexity, (len(labels) - 1) / 3))
    silhouette, purity, overlaps = separability(features, labels, class_names)
    return FeatureMaps(
        arrays={**maps, "labels": labels, "ids": ids},
        metrics={
            "silhouette": silhouette.estimate,
            "silhouette_half_width": silhouette.half_width,
            "knn_purity": purity.estimate,
            "knn_purity_half_width": purity.half_width,
            "mapped_images": len(labels),
        },
        tables={
            "overlaps": overlaps[:MOST_OVERLAPS],
            "classes": [{"name": name} for name in class_names],
        },
    )


def sample(labels: np.ndarray, count: int) -> np.ndarray:
    """Positions of about `count` images, sorted, each class in its share of `labels` (N,).

    Shares are rounded and every class keeps at least one image, so that a few more or fewer than
    `count` may be returned.
    """
    if count >= len(labels):
        return np.arange(len(labels))
    rng = np.random.default_rng(_SAMPLE_SEED)
    kept = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        share = max(1, round(count * len(members) / len(labels)))
        kept.append(rng.permutation(members)[:share])
    return np.sort(np.concatenate(kept))


def embed(features: np.ndarray, seed: int, perplexity: float) -> dict[str, np.ndarray]:
    """Map features by PCA (centred, not scaled) and by t-SNE; each array is float32.

    features: (N, D), D >= 2, N - 1 at least 3 * perplexity. pca: (N, 2), the first two principal
    components, in the features' unit; explained: (k,), share of the variance that each of the first
    k <= 10 explains; tsne: (N, 2), whose axes and distances between far clusters mean nothing;
    perplexity: (), as it was given. t-SNE follows Kobak and Berens, "The art of using
    t-SNE for single-cell transcriptomics", Nature Communications 10, 2019: Euclidean distances
    in the first 50 principal components, started from the first two scaled to a standard
    deviation of 1e-4, learning rate N / early exaggeration but at least 200, exaggeration 12 for
    250 steps, then 500 without. Implementation: openTSNE (Policar, Strazar and Zupan, JSS 109(3),
    2024), exact neighbours. One thread throughout, so that features and seed determine every bit.
    Raises ValueError for features that are not finite or all equal.
    """
    # here, not above: openTSNE takes seconds to import, and reading stored maps needs neither
    from openTSNE import TSNE
    from openTSNE.initialization import jitter, rescale
    from threadpoolctl import threadpool_limits

    if not np.isfinite(features).all():
        raise ValueError("features hold values that are not finite")
    images = len(features)
    if (features == features[0]).all():
        raise ValueError(f"all {images} rows of features are equal: there is nothing to map")
    # sums differ in their last bits between numbers of threads, and t-SNE magnifies that
    with threadpool_limits(limits=1):
        components, explained = principal_components(features, COMPONENTS_BEFORE_TSNE)
        start = jitter(rescale(components[:, :2]), random_state=seed)
        tsne = TSNE(
            perplexity=perplexity,
            initialization=start,
            learning_rate=max(200.0, images / 12),
            early_exaggeration=12,
            neighbors="exact",
            n_jobs=1,
            random_state=seed,
        ).fit(components)
    return {
        "pca": components[:, :2].astype(np.float32),
        "tsne": np.asarray(tsne, dtype=np.float32),
        "explained": explained[:RATIOS_KEPT].astype(np.float32),
        "perplexity": np.array(perplexity, dtype=np.float32),
    }


def principal_components(features: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Exact PCA: coordinates on the first components, and their shares of the variance.

    features: (N, D). Returns (N, k) float64 and (k,) with k = min(most, N - 1, D), but at least 2.
    An eigenvector's sign is arbitrary: here the loading of largest size is positive.
    Source: Jolliffe, "Principal Component Analysis", 2nd edition, 2002, sections 1.1 and 3.5.
    """
    from scipy.linalg import eigh

    centred = np.asarray(features, dtype=np.float64)
    centred = centred - centred.mean(axis=0)
    images, dimensions = centred.shape
    kept = max(2, min(most, images - 1, dimensions))
    small = dimensions <= images
    # X'X and XX' share their eigenvalues other than 0; the smaller one is decomposed
    gram = centred.T @ centred if small else centred @ centred.T
    size = len(gram)
    values, vectors = eigh(gram, subset_by_index=[size - kept, size - 1])
    values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
    if small:
        loadings, coordinates = vectors, centred @ vectors
    else:
        loadings, coordinates = centred.T @ vectors, vectors * np.sqrt(values)
    largest = np.abs(loadings).argmax(axis=0)
    sign = np.where(loadings[largest, np.arange(kept)] < 0, -1.0, 1.0)
    return coordinates * sign, values / np.trace(gram)


def separability(
    features: np.ndarray, labels: np.ndarray, class_names: Sequence[str]
) -> tuple[Interval, Interval, list[dict[str, Any]]]:
    """Measure how well the classes lie apart, by cosine distances: silhouette, purity, overlaps.

    features: (N, D) finite; labels: (N,) positions in class_names, of two classes at least. Where
    there are not more than NEIGHBOURS images, all others are an image's neighbours. Intervals are
    95%, by bootstrap over the images, in which an image's own score stays what it is among all.

    silhouette: -1..1, mean over images; 0: as near to another class as to the own
    purity: share of an image's nearest images that are of its class, mean over images; labels
        dealt at random have the chance of two images to be of one class
    overlaps: {a, b, share} of every pair of classes with a neighbour in common, the worst first;
        share: mean of the share of a's neighbours in b, and of b's in a
    """
    features = np.asarray(features, dtype=np.float32)
    present = np.unique(labels).tolist()
    length = np.linalg.norm(features, axis=1, keepdims=True)
    unit = features / np.where(length > 0, length, 1)

    shares = _neighbour_shares(unit, labels, len(class_names), min(NEIGHBOURS, len(labels) - 1))
    own = shares[np.arange(len(labels)), labels]
    directed = {a: shares[labels == a].mean(axis=0) for a in present}
    pairs = [
        {
            "a": class_names[a],
            "b": class_names[b],
            "share": float((directed[a][b] + directed[b][a]) / 2),
        }
        for a, b in itertools.combinations(present, 2)
        if directed[a][b] or directed[b][a]
    ]

    def mean(scores: np.ndarray) -> Interval:
        return bootstrap_interval(scores, lambda x: float(x.mean()), seed=0, resamples=1_000)

    # equal shares keep the order of the classes
    overlaps = sorted(pairs, key=lambda pair: -pair["share"])
    return mean(silhouettes(unit, labels)), mean(own), overlaps


def silhouettes(unit: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Silhouette of each image by cosine distance, 0 for the only image of a class.

    unit: (N, D), rows of length 1 (a row may be all zero). s = (b - a) / max(a, b), where a is
    the mean distance to the rest of the own class and b to the nearest other class.
    Source: Rousseeuw, J. Comput. Appl. Math. 20, 1987. The mean cosine distance to a class is 1
    minus the product with the class's mean, so that no table of all distances is needed, which
    scikit-learn's `silhouette_samples` makes.
    """
    present, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    unit = np.asarray(unit, dtype=np.float64)
    sums = np.zeros((len(present), unit.shape[1]))
    np.add.at(sums, codes, unit)
    totals = counts - unit @ sums.T  # (N, C): summed distance to each class
    row = np.arange(len(labels))
    size = counts[codes]
    # the own class's sum holds the image's distance to itself: 1 - 1, or 1 for an all-zero row
    to_self = 1 - (unit * unit).sum(axis=1)
    inside = (totals[row, codes] - to_self) / np.maximum(size - 1, 1)
    outside = totals / counts
    outside[row, codes] = np.inf
    nearest = outside.min(axis=1)
    # classes of one direction each are at distance 0 but for rounding
    larger = np.maximum(np.maximum(inside, nearest), 1e-12)
    scores: np.ndarray = np.where(size > 1, (nearest - inside) / larger, 0.0)
    return scores


def _neighbour_shares(unit: np.ndarray, labels: np.ndarray, classes: int, near: int) -> np.ndarray:
    """Return (N, classes): of an image's `near` most similar others, the share in each class."""
    counts = np.zeros((len(unit), classes), dtype=np.int64)
    for first in range(0, len(unit), _BLOCK):
        rows = np.arange(first, min(first + _BLOCK, len(unit)))
        similar = unit[rows] @ unit.T
        similar[np.arange(len(rows)), rows] = -np.inf  # no image is its own neighbour
        nearest = np.argpartition(-similar, near - 1, axis=1)[:, :near]
        np.add.at(counts, (rows[:, None], labels[nearest]), 1)
    shares: np.ndarray = counts / near
    return shares
