"""Maps of test features, and how well the classes lie apart in them."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.metrics import silhouette_samples
from sklearn.neighbors import NearestNeighbors

from cvlib.analysis.feature_maps import (
    FeatureMaps,
    embed,
    feature_maps,
    principal_components,
    sample,
    separability,
    silhouettes,
)


def mapped(labels: np.ndarray, perplexity: float, images: int, **changed) -> FeatureMaps:
    generator = np.random.default_rng(0)
    features = generator.normal(size=(len(labels), 8)) + 3 * np.eye(8)[labels % 8]
    classes = int(labels.max()) + 1
    given = {"features": features.astype(np.float32), **changed}
    return feature_maps(
        given["features"],
        labels,
        np.arange(len(labels)),
        [f"class {i}" for i in range(classes)],
        perplexity=perplexity,
        images=images,
        seed=0,
    )


def test_perplexity_fits_the_images_that_are_mapped_where_rounding_leaves_fewer():
    # of 44 of 49 images a class's share is 6.29, rounded to 6: 42 are mapped
    labels = np.repeat(np.arange(7), 7)
    assert len(sample(labels, 44)) == 42
    found = mapped(labels, perplexity=(44 - 1) / 3, images=44)
    assert found.arrays is not None
    assert found.metrics["mapped_images"] == len(found.arrays["tsne"]) == 42
    assert found.arrays["perplexity"] == pytest.approx((42 - 1) / 3)


def test_a_perplexity_that_the_images_allow_is_the_one_used_and_kept_as_one_number():
    found = mapped(np.arange(60) % 3, perplexity=10, images=1000)
    assert found.arrays is not None
    assert found.arrays["perplexity"].shape == ()
    assert found.arrays["perplexity"].dtype == np.float32
    assert found.arrays["perplexity"] == 10


def test_five_images_are_enough_and_four_are_refused_with_the_number():
    assert mapped(np.array([0, 0, 0, 1, 1]), perplexity=30, images=100).arrays is not None
    with pytest.raises(ValueError, match="at least 5 test images, got 4"):
        mapped(np.array([0, 0, 1, 1]), perplexity=30, images=100)


def test_features_of_a_collapsed_network_are_refused():
    labels = np.arange(60) % 3
    with pytest.raises(ValueError, match="all 60 rows of features are equal"):
        mapped(labels, perplexity=10, images=100, features=np.ones((60, 8), np.float32))


def test_every_class_keeps_an_image_in_a_sample():
    labels = np.concatenate([np.zeros(90, int), np.array([1, 2, 3])])
    chosen = sample(labels, 10)
    assert set(labels[chosen]) == {0, 1, 2, 3}
    assert (np.diff(chosen) > 0).all()
    assert sample(labels, 1000).tolist() == list(range(93))


def clusters(images: int = 150, dimensions: int = 60, seed: int = 0) -> tuple[np.ndarray, ...]:
    generator = np.random.default_rng(seed)
    labels = np.arange(images) % 3
    centres = generator.normal(size=(3, dimensions)) * 2
    return centres[labels] + generator.normal(size=(images, dimensions)), labels


@pytest.mark.parametrize("shape", [(150, 60), (40, 60)])
def test_components_equal_scikit_learns(shape):
    features = clusters(*shape)[0] + 5
    ours, ratios = principal_components(features, 12)
    theirs = PCA(12, svd_solver="full").fit(features)
    expected = theirs.transform(features)
    signs = np.sign((ours * expected).sum(axis=0))
    assert ours == pytest.approx(expected * signs, abs=1e-8)
    assert ratios == pytest.approx(theirs.explained_variance_ratio_)


@pytest.mark.parametrize("shape", [(150, 60), (40, 60)])
def test_sign_of_a_component_is_that_of_its_largest_loading(shape):
    features = clusters(*shape)[0]
    coordinates, _ = principal_components(features, 5)
    loadings = (features - features.mean(axis=0)).T @ coordinates
    largest = np.abs(loadings).argmax(axis=0)
    assert (loadings[largest, np.arange(5)] > 0).all()


def test_same_features_and_seed_give_the_same_bits_and_another_seed_does_not():
    features, _ = clusters()
    first, again, other = (embed(features, seed, perplexity=15) for seed in (3, 3, 4))
    assert first["tsne"].tobytes() == again["tsne"].tobytes()
    assert first["pca"].tobytes() == again["pca"].tobytes() == other["pca"].tobytes()
    assert first["tsne"].tobytes() != other["tsne"].tobytes()


def test_number_of_threads_changes_no_bit():
    code = (
        "import hashlib, numpy as np\n"
        "from cvlib.analysis.feature_maps import embed\n"
        "found = embed(np.random.default_rng(0).normal(size=(300, 200)), 0, perplexity=10)\n"
        "print(hashlib.sha256(found['tsne'].tobytes() + found['pca'].tobytes()).hexdigest())"
    )
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, **dict.fromkeys(threads, count)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for count in ("1", "2")
    }
    assert len(printed) == 1


def test_neighbours_in_the_map_are_of_the_own_cluster():
    features, labels = clusters()
    found = embed(features, 0, perplexity=15)
    for positions in (found["tsne"], found["pca"]):
        near = NearestNeighbors(n_neighbors=6).fit(positions).kneighbors(return_distance=False)
        assert (labels[near] == labels[:, None]).mean() > 0.95
    assert found["tsne"].shape == found["pca"].shape == (150, 2)
    assert found["tsne"].dtype == found["pca"].dtype == np.float32
    assert found["explained"].shape == (10,) and found["explained"][:2].sum() > 0.4
    assert found["perplexity"] == 15


def test_two_dimensions_and_repeated_images_can_be_mapped():
    features = np.repeat(np.random.default_rng(0).normal(size=(20, 2)), 2, axis=0)
    found = embed(features, 0, perplexity=5)
    assert np.isfinite(found["tsne"]).all()
    assert found["explained"].sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (np.ones((100, 5)), "equal"),
        (np.full((100, 5), np.nan), "not finite"),
    ],
)
def test_features_that_cannot_be_mapped_are_refused(features, message):
    with pytest.raises(ValueError, match=message):
        embed(features, 0, perplexity=5)


def test_importing_it_loads_neither_torch_nor_scikit_learn():
    code = (
        "import sys, cvlib.analysis.feature_maps\n"
        "import cvlib.analysis.efficiency\n"
        "print({'torch', 'sklearn', 'openTSNE', 'scipy', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"


NAMES = ("ant", "bee", "cat", "dog", "eel")


def planted(close: tuple[int, int] = (1, 3), images: int = 500) -> tuple[np.ndarray, np.ndarray]:
    """Five clusters in 30 dimensions, of which two have almost the same centre."""
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(5, 30)) * 1.5
    centres[close[1]] = centres[close[0]] + 0.2 * generator.normal(size=30)
    labels = generator.integers(0, 5, images)
    return centres[labels] + generator.normal(size=(images, 30)), labels


def chance(labels):
    """How often two images are of one class."""
    counts = np.bincount(labels)
    return (counts * (counts - 1)).sum() / (len(labels) * (len(labels) - 1))


@pytest.mark.parametrize("close", [(1, 3), (0, 4)])
def test_planted_overlap_is_the_first_pair(close):
    _, _, (worst, *rest) = separability(*planted(close), NAMES)
    assert (worst["a"], worst["b"]) == (NAMES[close[0]], NAMES[close[1]])
    assert worst["share"] > 0.3
    assert all(pair["share"] < 0.1 for pair in rest)


def test_random_labels_have_purity_of_chance_and_no_silhouette():
    features, _ = planted()
    labels = np.random.default_rng(1).choice(5, 500, p=[0.5, 0.2, 0.1, 0.1, 0.1])
    silhouette, purity, _ = separability(features, labels, NAMES)
    assert chance(labels) == pytest.approx(0.32, abs=0.03)
    assert purity.estimate == pytest.approx(chance(labels), abs=0.03)
    assert purity.low < chance(labels) < purity.high
    assert abs(silhouette.estimate) < 0.05


def test_classes_of_one_direction_each_are_pure():
    labels = np.repeat(np.arange(3), 20)
    silhouette, purity, overlaps = separability(np.eye(3)[labels] * 7, labels, NAMES[:3])
    assert purity.estimate == 1.0
    assert silhouette.estimate == pytest.approx(1.0)
    assert overlaps == []


def test_purity_and_shares_equal_brute_force():
    features, labels = planted(images=120)
    near = NearestNeighbors(n_neighbors=11, metric="cosine").fit(features)
    around = labels[near.kneighbors(features, return_distance=False)[:, 1:]]
    _, purity, overlaps = separability(features, labels, NAMES)
    assert purity.estimate == pytest.approx((around == labels[:, None]).mean())
    into = [(around[labels == a] == b).mean() for a, b in ((1, 3), (3, 1))]
    assert overlaps[0] == {"a": "bee", "b": "dog", "share": pytest.approx(np.mean(into))}


def test_silhouettes_equal_scikit_learns():
    features, labels = planted(images=200)
    labels[labels == 2] = 0
    labels[7] = 2  # the only image of its class
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    ours = silhouettes(unit, labels)
    assert ours == pytest.approx(silhouette_samples(features, labels, metric="cosine"), abs=1e-9)
    assert ours[7] == 0


def test_a_class_without_images_and_one_of_one_image_are_no_obstacle():
    features, labels = planted()
    labels = np.where(labels == 2, 0, labels)
    labels[labels == 4] = 1
    labels[11] = 4
    _, _, overlaps = separability(features, labels, NAMES)
    named = {name for pair in overlaps for name in (pair["a"], pair["b"])}
    assert "cat" not in named and "eel" in named


def test_fewer_images_than_neighbours_are_all_neighbours():
    features, labels = planted(images=8)
    _, purity, _ = separability(features, labels, NAMES)
    assert purity.estimate == pytest.approx(chance(labels))  # all seven others


def test_an_all_zero_row_is_at_distance_one_from_all():
    features, labels = planted(images=60)
    features[3] = 0
    silhouette, _, _ = separability(features, labels, NAMES)
    assert np.isfinite(silhouette.estimate)
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-30)
    assert silhouettes(unit, labels)[3] == pytest.approx(0)
