from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import cohen_kappa_score

from cvlib.analysis.agreement import Agreement, agreement

some_models = st.tuples(st.integers(1, 5), st.integers(1, 30)).flatmap(
    lambda shape: arrays(bool, shape)
)


def scores_of(found: Agreement) -> list[float]:
    return [value for pair in found.pairs for value in (pair.observed, pair.expected, pair.kappa)]


def test_agreement_by_hand():
    found = agreement(np.array([[1, 1, 0, 0, 1], [1, 0, 1, 0, 1], [1, 0, 1, 0, 0]], dtype=bool))
    assert (found.models, found.images) == (3, 5)
    assert found.right.tolist() == [3, 1, 2, 0, 2]
    assert (found.all_wrong.tolist(), found.all_right.tolist()) == ([3], [0])
    assert [found.only(model).tolist() for model in range(3)] == [[1], [], []]
    # 0 and 1: both 3/5 right, agree on 3/5; by chance 0.36 + 0.16 = 0.52; (0.6 - 0.52) / 0.48
    first = found.pairs[0]
    assert (first.a, first.b) == (0, 1)
    assert (first.observed, first.expected, first.kappa) == pytest.approx((0.6, 0.52, 1 / 6))


@given(some_models)
def test_kappa_equals_scikit_learns(correct):
    for pair in agreement(correct).pairs:
        a, b = correct[pair.a], correct[pair.b]
        if len(np.unique(np.concatenate([a, b]))) == 1:
            assert np.isnan(pair.kappa)
        else:
            assert pair.kappa == pytest.approx(cohen_kappa_score(a, b), abs=1e-9)


@given(some_models, st.randoms(use_true_random=False))
def test_counts_fit_together_in_any_order(correct, random):
    found = agreement(correct)
    rows = [found.all_wrong, *(found.only(m) for m in range(found.models))]
    if found.models > 1:
        rows.append(found.all_right)
    named = np.concatenate(rows)
    assert len(set(named.tolist())) == len(named)  # no image stands in two of them
    assert found.right.sum() == correct.sum()
    order = np.array(random.sample(range(found.images), found.images))
    again = agreement(correct[:, order])
    assert scores_of(again) == pytest.approx(scores_of(found), nan_ok=True)
    assert sorted(order[again.all_wrong].tolist()) == found.all_wrong.tolist()


def test_independent_models_have_kappa_near_0_and_equal_ones_1():
    correct = np.random.default_rng(0).random((2, 20_000)) < [[0.9], [0.7]]
    independent = agreement(correct).pairs[0]
    # accuracies alone make them agree on two thirds of the images
    assert independent.observed > 0.6 and abs(independent.kappa) < 0.03
    assert agreement(correct[[0, 0]]).pairs[0].kappa == pytest.approx(1)


def test_what_is_no_table_of_right_and_wrong_is_refused():
    with pytest.raises(ValueError, match=r"expected \(M, N\) bool"):
        agreement(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"model 2: expected 0\.\.1"):
        agreement(np.ones((2, 3), bool)).only(2)
