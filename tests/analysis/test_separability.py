from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import silhouette_samples
from sklearn.neighbors import NearestNeighbors

from cvlib.analysis.separability import Overlap, separability, silhouettes

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
    found = separability(*planted(close), NAMES)
    worst = found.overlaps[0]
    assert (worst.a, worst.b) == (NAMES[close[0]], NAMES[close[1]])
    assert worst.share > 0.3
    assert all(pair.share < 0.1 for pair in found.overlaps[1:])


def test_random_labels_have_purity_of_chance_and_no_silhouette():
    features, _ = planted()
    labels = np.random.default_rng(1).choice(5, 500, p=[0.5, 0.2, 0.1, 0.1, 0.1])
    found = separability(features, labels, NAMES)
    assert chance(labels) == pytest.approx(0.32, abs=0.03)
    assert found.purity.estimate == pytest.approx(chance(labels), abs=0.03)
    assert found.purity.low < chance(labels) < found.purity.high
    assert abs(found.silhouette.estimate) < 0.05


def test_classes_of_one_direction_each_are_pure():
    labels = np.repeat(np.arange(3), 20)
    found = separability(np.eye(3)[labels] * 7, labels, NAMES[:3])
    assert found.purity.estimate == 1.0
    assert found.silhouette.estimate == pytest.approx(1.0)
    assert found.overlaps == ()


def test_purity_and_shares_equal_brute_force():
    features, labels = planted(images=120)
    near = NearestNeighbors(n_neighbors=11, metric="cosine").fit(features)
    around = labels[near.kneighbors(features, return_distance=False)[:, 1:]]
    found = separability(features, labels, NAMES)
    assert found.purity.estimate == pytest.approx((around == labels[:, None]).mean())
    into = [(around[labels == a] == b).mean() for a, b in ((1, 3), (3, 1))]
    assert found.overlaps[0] == Overlap("bee", "dog", pytest.approx(np.mean(into)))


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
    found = separability(features, labels, NAMES)
    named = {name for pair in found.overlaps for name in (pair.a, pair.b)}
    assert "cat" not in named and "eel" in named


def test_fewer_images_than_neighbours_are_all_neighbours():
    features, labels = planted(images=8)
    found = separability(features, labels, NAMES)
    assert found.purity.estimate == pytest.approx(chance(labels))  # all seven others


def test_an_all_zero_row_is_at_distance_one_from_all():
    features, labels = planted(images=60)
    features[3] = 0
    found = separability(features, labels, NAMES)
    assert np.isfinite(found.silhouette.estimate)
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-30)
    assert silhouettes(unit, labels)[3] == pytest.approx(0)


@pytest.mark.parametrize(
    ("labels", "names", "message"),
    [
        ([0, 0, 0, 0], NAMES, "at least two classes"),
        ([0, 1, 2, 5], NAMES, "labels from 0 to 5 do not fit 5 class names"),
        ([0, 1, 2], NAMES, r"\(4, 3\) and labels \(3,\)"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels, names, message):
    with pytest.raises(ValueError, match=message):
        separability(np.ones((4, 3)), np.array(labels), names)
