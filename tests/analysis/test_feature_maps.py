"""Maps of test features: which images, with which perplexity, and when there can be none."""

from __future__ import annotations

import numpy as np
import pytest

from cvlib.analysis.feature_maps import FeatureMaps, feature_maps, sample


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
