from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import special, stats

from cvlib.analysis.scores import confidence, hardness, mistakenness, softmax
from tests.analysis.stored import planted, stored_predictions

some_logits = st.integers(1, 12).flatmap(
    lambda rows: st.integers(2, 6).flatmap(
        lambda classes: arrays(np.float64, (rows, classes), elements=st.floats(-6e4, 6e4))
    )
)


def one_by_one(logits: np.ndarray, labels: np.ndarray) -> list[float]:
    """FiftyOne Brain's published steps for one sample at a time, with scipy's functions."""
    values = []
    for row, label in zip(logits, labels, strict=True):
        certainty = np.exp(-stats.entropy(special.softmax(row)))
        agrees = float(row.argmax() == label)
        values.append(float((agrees * -2 + 1) * certainty + 1) / 2)
    return values


@given(some_logits, st.randoms(use_true_random=False))
def test_hardness_and_mistakenness_equal_the_published_steps(logits, random):
    labels = np.array([random.randrange(logits.shape[1]) for _ in logits])
    assert hardness(logits) == pytest.approx(
        stats.entropy(special.softmax(logits, axis=1), axis=1), abs=1e-9
    )
    assert mistakenness(logits, labels) == pytest.approx(one_by_one(logits, labels), abs=1e-9)


def test_mistakenness_equals_fiftyone_brains():
    # what fiftyone-brain 0.25's _compute_mistakenness_class returns for these rows
    logits = np.array([[2.0, 1, 0, -1], [2, 1, 0, -1], [0, 0, 0, 0], [9, -3, 0, 1]])
    found = mistakenness(logits, np.array([0, 1, 3, 2]))
    assert found == pytest.approx(
        [0.3061526227088206, 0.6938473772911794, 0.625, 0.9978390678947506], abs=1e-12
    )


def test_undecided_and_certain_models_by_hand():
    # two classes at 1/2: H = ln 2, exp(-H) = 1/2, so 1/4 with the first class agreed, 3/4 else
    logits = np.array([[0.0, 0.0], [0.0, 0.0], [500.0, 0.0], [500.0, 0.0]])
    assert hardness(logits) == pytest.approx([np.log(2), np.log(2), 0, 0])
    assert mistakenness(logits, np.array([0, 1, 0, 1])) == pytest.approx([0.25, 0.75, 0, 1])


@given(some_logits, st.randoms(use_true_random=False))
def test_scores_stay_in_their_ranges(logits, random):
    labels = np.array([random.randrange(logits.shape[1]) for _ in logits])
    classes = logits.shape[1]
    assert softmax(logits).sum(axis=1) == pytest.approx(np.ones(len(logits)))
    assert ((confidence(logits) >= 1 / classes - 1e-12) & (confidence(logits) <= 1)).all()
    hard = hardness(logits)
    assert ((hard >= 0) & (hard <= np.log(classes) + 1e-12)).all()
    assert not np.signbit(hard).any()
    mistaken = mistakenness(logits, labels)
    assert ((mistaken >= 0) & (mistaken <= 1)).all()
    assert ((mistaken > 0.5) == (logits.argmax(axis=1) != labels)).all()


@given(some_logits, st.randoms(use_true_random=False))
def test_scores_do_not_depend_on_the_order_of_images_or_classes(logits, random):
    labels = np.array([random.randrange(logits.shape[1]) for _ in logits])
    rows = np.array(random.sample(range(len(logits)), len(logits)))
    assert (mistakenness(logits[rows], labels[rows]) == mistakenness(logits, labels)[rows]).all()
    columns = np.array(random.sample(range(logits.shape[1]), logits.shape[1]))
    assert hardness(logits[:, columns]) == pytest.approx(hardness(logits), abs=1e-9)


def test_damaged_logits_are_named():
    with pytest.raises(ValueError, match="row 1 is not finite"):
        hardness(np.array([[0.0, 1.0], [np.nan, 1.0]]))
    with pytest.raises(ValueError, match="one label a row"):
        mistakenness(np.zeros((3, 2)), np.zeros(2, int))


@pytest.mark.shipped
@pytest.mark.parametrize(
    ("experiment", "variant"), [("exp01", "base"), ("exp01", "convs-2"), ("exp02", "probe")]
)
def test_planted_label_errors_rank_in_the_top_tenth_by_mistakenness(experiment, variant):
    predictions = stored_predictions(experiment, variant, seed=0)
    recalls = []
    for seed in range(5):
        labels, changed = planted(predictions.labels, share=0.05, seed=seed)
        order = np.argsort(-mistakenness(predictions.logits, labels), kind="stable")
        top = order[: len(labels) // 10]
        recalls.append(changed[top].sum() / changed.sum())
    assert min(recalls) >= 0.7, f"recall at 10% for five draws: {recalls}"
