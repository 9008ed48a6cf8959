"""Ridge classifier: the normal equations' solution, for any shape, with its penalty chosen."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from cvlib.probing.linear_head import PENALTIES, LinearHead, fit_ridge, ridge_path

X, Y = load_digits(return_X_y=True)
X = X.astype(np.float32)


def objective(
    head: LinearHead, x: np.ndarray, y: np.ndarray, scale: np.ndarray, penalty: float
) -> float:
    """||X W' + b - T||^2 + a ||W||^2 of standardised features, in float64."""
    outputs = x.astype(np.float64) @ head.weight.T.astype(np.float64) + head.bias
    weight = head.weight.astype(np.float64) * scale
    return float(((outputs - np.eye(10)[y]) ** 2).sum() + penalty * (weight**2).sum())


@pytest.mark.parametrize("rows", [900, 40])
def test_equals_the_ridge_regression_of_scikit_learn(rows: int) -> None:
    x, y = X[:rows], Y[:rows]
    scaler = StandardScaler().fit(x.astype(np.float64))
    targets = np.eye(10)[y]
    penalties = [0.1, 10.0, 1000.0]
    for penalty, head in zip(penalties, ridge_path(x, y, penalties, 10), strict=True):
        reference = Ridge(alpha=penalty).fit(scaler.transform(x), targets)
        np.testing.assert_allclose(
            head.logits(X[900:]), reference.predict(scaler.transform(X[900:])), atol=2e-4
        )
        rest = reference.predict(scaler.transform(x)) - targets
        theirs = (rest**2).sum() + penalty * (reference.coef_**2).sum()
        assert objective(head, x, y, scaler.scale_, penalty) == pytest.approx(theirs, rel=1e-6)


def test_penalty_is_the_best_on_val_and_only_a_refit_sees_both_splits() -> None:
    chosen = fit_ridge(X[:600], Y[:600], X[600:900], Y[600:900], 10)
    heads = ridge_path(X[:600], Y[:600], PENALTIES, 10)
    on_val = [head.accuracy(X[600:900], Y[600:900]) for head in heads]
    best = max(p for p, accuracy in zip(PENALTIES, on_val, strict=True) if accuracy == max(on_val))
    both = ridge_path(X[:900], Y[:900], [best], 10)[0]
    assert np.array_equal(chosen.weight, heads[PENALTIES.index(best)].weight)
    refit = fit_ridge(X[:600], Y[:600], X[600:900], Y[600:900], 10, refit=True)
    assert np.array_equal(refit.weight, both.weight)
    assert chosen.accuracy(X[900:], Y[900:]) > 0.85
