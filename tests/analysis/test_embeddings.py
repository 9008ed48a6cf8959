from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from cvlib.analysis.embeddings import embed, principal_components


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
    assert first.tsne.tobytes() == again.tsne.tobytes()
    assert first.pca.tobytes() == again.pca.tobytes() == other.pca.tobytes()
    assert first.tsne.tobytes() != other.tsne.tobytes()


def test_number_of_threads_changes_no_bit():
    code = (
        "import hashlib, numpy as np\n"
        "from cvlib.analysis.embeddings import embed\n"
        "found = embed(np.random.default_rng(0).normal(size=(300, 200)), 0, perplexity=10)\n"
        "print(hashlib.sha256(found.tsne.tobytes() + found.pca.tobytes()).hexdigest())"
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
    for positions in (found.tsne, found.pca):
        near = NearestNeighbors(n_neighbors=6).fit(positions).kneighbors(return_distance=False)
        assert (labels[near] == labels[:, None]).mean() > 0.95
    assert found.tsne.shape == found.pca.shape == (150, 2)
    assert found.tsne.dtype == found.pca.dtype == np.float32
    assert found.explained.shape == (10,) and found.explained[:2].sum() > 0.4
    assert found.perplexity == 15


def test_two_dimensions_and_repeated_images_can_be_mapped():
    features = np.repeat(np.random.default_rng(0).normal(size=(20, 2)), 2, axis=0)
    found = embed(features, 0, perplexity=5)
    assert np.isfinite(found.tsne).all()
    assert found.explained.sum() == pytest.approx(1)


def test_perplexity_that_needs_more_images_is_refused_with_both_numbers():
    features, _ = clusters(50)
    with pytest.raises(ValueError, match=r"perplexity 30 needs at least 91 images, got 50.*16\.33"):
        embed(features, 0, perplexity=30)
    assert embed(features, 0, perplexity=16.33).perplexity == 16.33


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (np.ones((100, 5)), "equal"),
        (np.full((100, 5), np.nan), "not finite"),
        (np.ones((100, 1)), "D at least 2"),
    ],
)
def test_features_that_cannot_be_mapped_are_refused(features, message):
    with pytest.raises(ValueError, match=message):
        embed(features, 0, perplexity=5)


def test_importing_it_loads_neither_torch_nor_scikit_learn():
    code = (
        "import sys, cvlib.analysis.embeddings, cvlib.analysis.separability\n"
        "import cvlib.analysis.data_efficiency\n"
        "print({'torch', 'sklearn', 'openTSNE', 'scipy', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"
