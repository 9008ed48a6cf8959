"""Multinomial logistic regression: scikit-learn's optimum, its path, and what can go wrong."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.linear_model import LogisticRegression

from cvlib.probing import logistic
from cvlib.probing.linear_head import LinearHead, fit_standardiser

PATH = np.logspace(-5, 1, 21)


@functools.cache
def dataset(load: Callable) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Train and test halves of a dataset of scikit-learn, features float32."""
    x, y = load(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    x, y = x[order].astype(np.float32), y[order].astype(np.int64)
    half = len(y) // 2
    return x[:half], y[:half], x[half:], y[half:]


def standardised(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N, D) float64 with mean 0 and deviation 1, and the deviations (D,) that it had."""
    scale = fit_standardiser(torch.from_numpy(x)).scale.numpy()
    return (x.astype(np.float64) - x.astype(np.float64).mean(axis=0)) / scale, scale


def loss(head: LinearHead, x: np.ndarray, y: np.ndarray, c: float) -> float:
    """What a head's optimisation minimised."""
    return objective(head.logits(x), y, head.weight * standardised(x)[1], c)


def gradient_norm(head: LinearHead, x: np.ndarray, y: np.ndarray, c: float) -> float:
    """Of `loss`, by weights of standardised features and biases, in float64."""
    standard, scale = standardised(x)
    logits = head.logits(x).astype(np.float64)
    residual = np.exp(logits - logits.max(axis=1, keepdims=True))
    residual /= residual.sum(axis=1, keepdims=True)
    residual[np.arange(len(y)), y] -= 1
    of_weight = c * residual.T @ standard + head.weight * scale
    return float(np.sqrt((of_weight**2).sum() + ((c * residual.sum(axis=0)) ** 2).sum()))


def objective(logits: np.ndarray, y: np.ndarray, weight: np.ndarray, c: float) -> float:
    """C sum(cross-entropy) + ||W||^2 / 2 in float64, as scikit-learn's documentation has it."""
    logits = logits.astype(np.float64)
    logits = logits - logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(y)), y]
    return float(c * losses.sum() + (weight.astype(np.float64) ** 2).sum() / 2)


@pytest.mark.parametrize("load", [load_digits, load_wine, load_breast_cancer])
def test_reaches_the_optimum_of_scikit_learn(load: Callable) -> None:
    x, y, test_x, test_y = dataset(load)
    classes = int(y.max()) + 1
    scale = fit_standardiser(torch.from_numpy(x)).scale.numpy()
    standard, test_standard = (
        (part.astype(np.float64) - x.astype(np.float64).mean(axis=0)) / scale
        for part in (x, test_x)
    )
    heads = logistic.path(x, y, PATH, classes)
    assert len(heads) == len(PATH) >= 20
    for c, head in list(zip(PATH, heads, strict=True))[::4]:
        assert head.converged
        ours = loss(head, x, y, c)
        reference = LogisticRegression(C=c, tol=1e-9, max_iter=20000).fit(standard, y)
        if classes == 2:
            # scikit-learn fits two classes with one weight vector w; two vectors w/2 and -w/2
            # give the same logits at half the penalty, so its C is ours with 2C
            reference = LogisticRegression(C=2 * c, tol=1e-9, max_iter=20000).fit(standard, y)
            coefficients = np.concatenate([-reference.coef_, reference.coef_]) / 2
            theirs_logits = reference.decision_function(standard)[:, None] * [-0.5, 0.5]
        else:
            coefficients = reference.coef_
            theirs_logits = reference.decision_function(standard)
        theirs = objective(theirs_logits, y, coefficients, c)
        assert ours == pytest.approx(theirs, rel=1e-4)
        accuracy = float((reference.predict(test_standard) == test_y).mean())
        assert abs(head.accuracy(test_x, test_y) - accuracy) <= 0.001


def test_more_features_than_rows_gives_the_same_optimum() -> None:
    x, y, _, _ = dataset(load_digits)
    x, y = x[:40], y[:40]
    assert set(y) == set(range(10)) and len(x) < x.shape[1]
    head = logistic.path(x, y, [0.1], 10)[0]
    standardiser = fit_standardiser(torch.from_numpy(x))
    standard = standardiser.apply(torch.from_numpy(x)).numpy().astype(np.float64)
    reference = LogisticRegression(C=0.1, tol=1e-10, max_iter=20000).fit(standard, y)
    theirs = objective(reference.decision_function(standard), y, reference.coef_, 0.1)
    assert loss(head, x, y, 0.1) == pytest.approx(theirs, rel=1e-4)


def test_constant_and_repeated_features_are_harmless() -> None:
    x, y, test_x, _ = dataset(load_wine)
    plain = logistic.path(x, y, [0.1], 3)[0]
    constant = np.full((len(x), 1), 1234.5, dtype=np.float32)
    padded = logistic.path(np.hstack([x, constant]), y, [0.1], 3)[0]
    assert np.abs(padded.weight[:, -1]).max() < 1e-4
    other = np.full((len(test_x), 1), 1234.5, dtype=np.float32)
    np.testing.assert_allclose(
        padded.logits(np.hstack([test_x, other])), plain.logits(test_x), atol=0.02
    )
    # every feature twice: twice the squared norm at the same weights, that is C doubled
    twice = logistic.path(np.hstack([x, x]), y, [0.1], 3)[0]
    doubled = logistic.path(x, y, [0.2], 3)[0]
    np.testing.assert_allclose(
        twice.logits(np.hstack([test_x, test_x])), doubled.logits(test_x), atol=0.05
    )


def test_unfinished_optimisation_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logistic, "MAX_ITERATIONS", 5)
    x, y, _, _ = dataset(load_digits)
    heads = logistic.path(x, y, [1e-6, 10.0], 10)
    assert [head.converged for head in heads] == [True, False]
    norms = [gradient_norm(head, x, y, c) for head, c in zip(heads, (1e-6, 10.0), strict=True)]
    assert norms[1] > 100 * norms[0]


def test_a_strength_is_solved_alike_alone_and_in_a_path() -> None:
    x, y, test_x, _ = dataset(load_digits)
    alone = logistic.path(x, y, [0.01], 10)[0]
    among = logistic.path(x, y, [1.0, 0.01, 1e-4], 10)[1]
    assert loss(alone, x, y, 0.01) == pytest.approx(loss(among, x, y, 0.01), rel=2e-5)
    assert (alone.logits(test_x).argmax(1) == among.logits(test_x).argmax(1)).mean() > 0.998


def test_same_features_give_the_same_bits() -> None:
    x, y, _, _ = dataset(load_digits)
    first, second = (logistic.path(x, y, [0.01, 1.0], 10) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        assert np.array_equal(a.weight, b.weight) and np.array_equal(a.bias, b.bias)


def test_a_class_without_training_images_is_never_predicted() -> None:
    x, y, test_x, _ = dataset(load_wine)
    kept = y != 1
    head = logistic.path(x[kept], y[kept], [0.1], 4)[0]
    assert not np.isin(head.logits(test_x * 100).argmax(axis=1), [1, 3]).any()
    assert head.weight[1].any() == head.weight[3].any() == np.False_
    assert np.isfinite(head.cross_entropy(x, y))


def test_a_single_class_is_always_predicted() -> None:
    x, _, test_x, _ = dataset(load_wine)
    head = logistic.path(x, np.full(len(x), 2), [0.1], 3)[0]
    assert (head.logits(test_x).argmax(axis=1) == 2).all() and head.converged


def test_choice_is_by_validation_loss_and_only_a_refit_sees_validation_images() -> None:
    x, y, test_x, test_y = dataset(load_digits)
    val_x, val_y = test_x[:300], test_y[:300]
    chosen = logistic.choose(x, y, val_x, val_y, PATH, 10, folds=0)
    losses = [row["val_loss"] for row in chosen.rows]
    assert chosen.c == PATH[np.argmin(losses)] and chosen.folds == 0
    assert losses == [row["choice_loss"] for row in chosen.rows]
    assert chosen.head is chosen.head_train
    refit = logistic.choose(x, y, val_x, val_y, PATH, 10, folds=0, refit=True)
    both = logistic.path(np.vstack([x, val_x]), np.hstack([y, val_y]), [chosen.c], 10)[0]
    assert np.array_equal(refit.head.weight, both.weight)
    assert np.array_equal(refit.head_train.weight, chosen.head.weight)


def test_the_accuracy_of_few_images_does_not_choose_what_their_loss_speaks_against() -> None:
    """As found: by the accuracy of 400 images a C won that had over twice the test loss."""
    x, y, test_x, test_y = dataset(load_digits)
    noise = np.random.default_rng(1).normal(size=(2, *test_x.shape)).astype(np.float32)
    x, test_x = x + 4 * noise[0][: len(x)], test_x + 4 * noise[1]
    val_x, val_y, test_x, test_y = test_x[:100], test_y[:100], test_x[100:], test_y[100:]
    heads = logistic.path(x, y, PATH, 10)
    by_accuracy = max(
        heads, key=lambda one: (one.accuracy(val_x, val_y), -one.cross_entropy(val_x, val_y))
    )
    chosen = logistic.choose(x, y, val_x, val_y, PATH, 10).head
    least = min(head.cross_entropy(test_x, test_y) for head in heads)
    assert by_accuracy.cross_entropy(test_x, test_y) > 2 * least
    assert chosen.cross_entropy(test_x, test_y) < 1.1 * least


def test_a_small_validation_set_leaves_the_choice_to_folds_of_train() -> None:
    x, y, test_x, test_y = dataset(load_digits)
    chosen = logistic.choose(x, y, test_x[:50], test_y[:50], PATH[::4], 10)
    wrong = logistic.choose(x, y, test_x[:50], (test_y[:50] + 1) % 10, PATH[::4], 10)
    assert chosen.folds == 5 and chosen.c == wrong.c, "labels of val have no say"
    fold = logistic.stratified_folds(y, 5)
    first = logistic.path(x[fold != 0], y[fold != 0], [PATH[8]], 10)[0]
    out_of_fold = [
        head.cross_entropies(x[fold == k], y[fold == k])
        for k in range(5)
        for head in logistic.path(x[fold != k], y[fold != k], [PATH[8]], 10)
    ]
    pooled = np.concatenate(out_of_fold)
    row = chosen.rows[2]
    assert row["c"] == PATH[8] and first.converged
    assert row["choice_loss"] == pytest.approx(pooled.mean(), rel=1e-3)
    assert row["choice_loss_se"] == pytest.approx(pooled.std(ddof=1) / len(y) ** 0.5, rel=1e-2)
    many = logistic.choose(x, y, np.tile(test_x[:50], (20, 1)), np.tile(test_y[:50], 20), PATH, 10)
    assert many.folds == 0, "1,000 images are enough"


def test_folds_are_of_one_size_within_each_class_and_the_same_on_every_call() -> None:
    y = dataset(load_digits)[1]
    fold = logistic.stratified_folds(y, 5)
    sizes = [np.bincount(fold[y == label], minlength=5) for label in range(10)]
    assert all(np.ptp(of_class) <= 1 for of_class in sizes) and np.ptp(np.bincount(fold)) <= 1
    assert np.array_equal(fold, logistic.stratified_folds(y, 5))
    assert not np.array_equal(np.sort(fold), fold)


def test_the_choice_says_which_strengths_are_as_good_within_a_standard_error() -> None:
    x, y, test_x, test_y = dataset(load_digits)
    few, many = (
        logistic.choose(x[:n], y[:n], test_x, test_y, PATH, 10, folds=5) for n in (60, 800)
    )
    for chosen in (few, many):
        best = min(chosen.rows, key=lambda row: row["choice_loss"])
        limit = best["choice_loss"] + best["choice_loss_se"]
        as_good = [row["c"] for row in chosen.rows if row["choice_loss"] <= limit]
        assert (chosen.c_low, chosen.c_high) == (min(as_good), max(as_good))
        assert chosen.c_low <= chosen.c <= chosen.c_high
    assert few.c_high / few.c_low >= many.c_high / many.c_low, "fewer images, a vaguer choice"


def test_of_equal_losses_the_smaller_strength_is_chosen() -> None:
    x, _, test_x, _ = dataset(load_wine)
    one_class = np.zeros(len(x), dtype=np.int64)
    chosen = logistic.choose(x, one_class, test_x, np.zeros(len(test_x), int), [1.0, 0.1], 1)
    assert chosen.c == 0.1 and (chosen.c_low, chosen.c_high) == (0.1, 1.0)


def test_a_head_is_plain_data() -> None:
    x, y, _, _ = dataset(load_wine)
    head = logistic.path(x, y, [1.0], 3)[0]
    assert head.weight.dtype == head.bias.dtype == np.float32
    assert head.weight.shape == (3, 13) and head.bias.shape == (3,)
    assert all(not isinstance(value, torch.Tensor) for value in dataclasses.astuple(head))
