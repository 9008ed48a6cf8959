"""What a run keeps of its test features: maps to draw, and how separable the classes are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from cvlib.analysis.embeddings import embed
from cvlib.analysis.separability import separability

# The images that are mapped are the same in every run on the same data, whatever its seed.
_SAMPLE_SEED = 0
_FEWEST = 5  # for a perplexity above 1
MOST_OVERLAPS = 30  # pairs of classes that are kept, the worst first


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
    fewer than 5 rows or 2 classes, values that are not finite, or all rows equal.
    """
    chosen = sample(labels, images)
    features, labels, ids = features[chosen], labels[chosen], ids[chosen]
    if len(labels) < _FEWEST:
        raise ValueError(f"t-SNE needs at least {_FEWEST} test images, got {len(labels)}")
    # only here it is known how many there are, and t-SNE looks at 3 * perplexity neighbours of each
    found = embed(features, seed, min(perplexity, (len(labels) - 1) / 3))
    apart = separability(features, labels, class_names)
    return FeatureMaps(
        arrays={
            "pca": found.pca.astype(np.float32),
            "tsne": found.tsne.astype(np.float32),
            "explained": found.explained.astype(np.float32),
            "perplexity": np.array(found.perplexity, dtype=np.float32),
            "labels": labels,
            "ids": ids,
        },
        metrics={
            "silhouette": apart.silhouette.estimate,
            "silhouette_half_width": apart.silhouette.half_width,
            "knn_purity": apart.purity.estimate,
            "knn_purity_half_width": apart.purity.half_width,
            "mapped_images": len(labels),
        },
        tables={
            "overlaps": [asdict(row) for row in apart.overlaps[:MOST_OVERLAPS]],
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
