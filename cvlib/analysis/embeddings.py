"""Features drawn in the plane: principal components and t-SNE."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

COMPONENTS_BEFORE_TSNE = 50
RATIOS_KEPT = 10


@dataclass(frozen=True)
class Embedding:
    """Two maps of the same N images, and how they were made.

    pca: (N, 2) float32, the first two principal components, in the features' unit
    explained: (k,) share of the variance that each of the first k <= 10 components explains
    tsne: (N, 2) float32; its axes and the distances between far clusters mean nothing
    perplexity: that t-SNE was asked for, and used
    """

    pca: np.ndarray
    explained: np.ndarray
    tsne: np.ndarray
    perplexity: float


def embed(features: np.ndarray, seed: int, perplexity: float = 30.0) -> Embedding:
    """Map features by PCA (centred, not scaled) and by t-SNE.

    features: (N, D) finite numbers, D >= 2. t-SNE follows Kobak and Berens, "The art of using
    t-SNE for single-cell transcriptomics", Nature Communications 10, 2019: Euclidean distances
    in the first 50 principal components, started from the first two scaled to a standard
    deviation of 1e-4, learning rate N / early exaggeration but at least 200, exaggeration 12 for
    250 steps, then 500 without. Implementation: openTSNE (Policar, Strazar and Zupan, JSS 109(3),
    2024), exact neighbours. One thread throughout, so that features and seed determine every bit.
    Raises ValueError when a perplexity needs more images than there are, and for features that
    are not finite or all equal.
    """
    # here, not above: openTSNE takes seconds to import, and reading stored maps needs neither
    from openTSNE import TSNE
    from openTSNE.initialization import jitter, rescale
    from threadpoolctl import threadpool_limits

    features = _checked(features, perplexity)
    # sums differ in their last bits between numbers of threads, and t-SNE magnifies that
    with threadpool_limits(limits=1):
        components, explained = principal_components(features, COMPONENTS_BEFORE_TSNE)
        start = jitter(rescale(components[:, :2]), random_state=seed)
        tsne = TSNE(
            perplexity=perplexity,
            initialization=start,
            learning_rate=max(200.0, len(features) / 12),
            early_exaggeration=12,
            neighbors="exact",
            n_jobs=1,
            random_state=seed,
        ).fit(components)
    return Embedding(
        pca=components[:, :2].astype(np.float32),
        explained=explained[:RATIOS_KEPT],
        tsne=np.asarray(tsne, dtype=np.float32),
        perplexity=perplexity,
    )


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


def _checked(features: np.ndarray, perplexity: float) -> np.ndarray:
    features = np.asarray(features)
    if features.ndim != 2 or features.shape[1] < 2:
        raise ValueError(f"features {features.shape}: expected (N, D), D at least 2")
    if not np.isfinite(features).all():
        raise ValueError("features hold values that are not finite")
    images = len(features)
    if perplexity <= 1:
        raise ValueError(f"perplexity {perplexity:g}: expected more than 1")
    # t-SNE looks at 3 * perplexity neighbours of each image
    if images - 1 < 3 * perplexity:
        raise ValueError(
            f"perplexity {perplexity:g} needs at least {int(np.ceil(3 * perplexity)) + 1} images, "
            f"got {images}: map more, or set perplexity to at most {(images - 1) / 3:.4g}"
        )
    if (features == features[0]).all():
        raise ValueError(f"all {images} rows of features are equal: there is nothing to map")
    return features
