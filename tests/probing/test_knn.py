"""k-NN: weighted votes of the most similar rows, ties settled, blocks without influence."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

from cvlib.probing import knn

X, Y = load_digits(return_X_y=True)
X = X.astype(np.float32)


def predict(
    train_x: np.ndarray, train_y: np.ndarray, x: np.ndarray, k: int, num_classes: int
) -> np.ndarray:
    return knn.predict_many(train_x, train_y, x, [k], num_classes)[k]


@pytest.mark.parametrize("k", [1, 10, 20])
def test_equals_weighted_cosine_neighbours_of_scikit_learn(k: int) -> None:
    reference = KNeighborsClassifier(
        k, metric="cosine", weights=lambda distance: np.exp((1 - distance) / 0.07)
    ).fit(X[:1000], Y[:1000])
    ours = predict(X[:1000], Y[:1000], X[1000:], k, 10)
    assert (ours == reference.predict(X[1000:])).mean() > 0.998
    together = knn.predict_many(X[:1000], Y[:1000], X[1000:], [1, 10, 20], 10)
    assert (together[k] == ours).all(), "one search for all ks, or one each: the same votes"


def test_a_near_neighbour_outvotes_several_far_ones() -> None:
    train = np.array([[1, 0], [1, 1], [1, 1.1], [1, 1.2]], dtype=np.float32)
    labels = np.array([0, 1, 1, 1])
    # cosine 1 against 0.71: exp(0.29 / 0.07) is 64 votes against 3
    assert predict(train, labels, np.array([[1.0, 0]]), 4, 2).tolist() == [0]


def test_equal_similarities_take_the_lower_row_and_equal_votes_the_lower_class() -> None:
    train = np.ones((6, 3), dtype=np.float32)
    labels = np.array([2, 1, 0, 0, 0, 0])
    query = np.ones((1, 3), dtype=np.float32)
    assert predict(train, labels, query, 1, 3).tolist() == [2]
    assert predict(train, labels, query, 2, 3).tolist() == [1]
    assert predict(train, labels, query, 3, 3).tolist() == [0]


def test_length_of_a_feature_vector_does_not_count() -> None:
    factors = np.random.default_rng(0).uniform(0.1, 10, (len(X), 1)).astype(np.float32)
    scaled = X * factors
    plain = predict(X[:1000], Y[:1000], X[1000:], 10, 10)
    assert (predict(scaled[:1000], Y[:1000], scaled[1000:], 10, 10) == plain).mean() > 0.998


def test_blocks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = knn.predict_many(X[:500], Y[:500], X[500:], [10, 20], 10)
    monkeypatch.setattr(knn, "_SIMILARITIES", 500 * 7)
    parts = knn.predict_many(X[:500], Y[:500], X[500:], [10, 20], 10)
    for k in (10, 20):
        assert (whole[k] == parts[k]).mean() > 0.999
        assert whole[k].shape == (len(X) - 500,) and whole[k].dtype == np.int64
