from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import cohen_kappa_score, precision_recall_fscore_support
from sklearn.metrics import confusion_matrix as sklearns_matrix

from cvlib.analysis.intervals import bootstrap_interval, wilson_interval
from cvlib.analysis.mistakes import (
    Agreement,
    agreement,
    class_scores,
    confused_pairs,
    confusion_matrix,
    review_sample,
)


def seeds_of_predictions(generator, labels, classes, seeds, error=0.3):
    wrong = generator.random((seeds, len(labels))) < error
    return np.where(wrong, generator.integers(0, classes, wrong.shape), labels)


@st.composite
def labels_and_predictions(draw):
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    classes, images = draw(st.integers(2, 6)), draw(st.integers(1, 40))
    labels = generator.integers(0, classes, images)
    return (
        labels,
        seeds_of_predictions(generator, labels, classes, draw(st.integers(1, 3))),
        classes,
    )


@given(labels_and_predictions())
def test_rows_sum_to_the_classes_images_and_equal_scikit_learns(drawn):
    labels, predicted, classes = drawn
    matrix = confusion_matrix(labels, predicted, classes)
    assert matrix.sum(axis=1) == pytest.approx(np.bincount(labels, minlength=classes))
    each = [sklearns_matrix(labels, row, labels=range(classes)) for row in predicted]
    assert matrix == pytest.approx(np.mean(each, axis=0))


@given(labels_and_predictions(), st.randoms(use_true_random=False))
def test_the_order_of_images_and_seeds_does_not_matter(drawn, random):
    labels, predicted, classes = drawn
    images = np.array(random.sample(range(len(labels)), len(labels)))
    seeds = np.array(random.sample(range(len(predicted)), len(predicted)))
    shuffled = (labels[images], predicted[seeds][:, images], classes)
    assert (confusion_matrix(*shuffled) == confusion_matrix(*drawn)).all()
    assert confused_pairs(*shuffled) == confused_pairs(*drawn)


@given(labels_and_predictions())
def test_scores_of_one_seed_equal_scikit_learns(drawn):
    labels, predicted, classes = drawn
    theirs = precision_recall_fscore_support(
        labels, predicted[0], labels=range(classes), zero_division=np.nan
    )
    scores = class_scores(labels, predicted[0], classes)
    for name, expected in zip(("precision", "recall", "f1"), theirs[:3], strict=True):
        found = [getattr(score, name).estimate for score in scores]
        assert found == pytest.approx(expected, nan_ok=True), name
    assert [score.support for score in scores] == theirs[3].tolist()


@given(labels_and_predictions())
def test_every_interval_holds_its_estimate_inside_0_and_1(drawn):
    intervals = [pair.share for pair in confused_pairs(*drawn)]
    for score in class_scores(*drawn):
        intervals += [score.precision, score.recall, score.f1]
    for found in intervals:
        assert 0 <= found.low < found.high <= 1
        assert np.isnan(found.estimate) or found.low <= found.estimate <= found.high


def test_matrix_and_pairs_by_hand():
    labels = np.array([0, 0, 0, 1, 1, 2])
    predicted = np.array([[0, 1, 1, 1, 1, 0], [0, 1, 2, 1, 0, 0]])
    expected = [[1.0, 1.5, 0.5], [0.5, 1.5, 0.0], [1.0, 0.0, 0.0]]
    assert confusion_matrix(labels, predicted, 3).tolist() == expected
    pairs = confused_pairs(labels, predicted, 3)
    assert [(p.true, p.predicted, p.images, p.support) for p in pairs] == [
        (0, 1, 1.5, 3),
        (2, 0, 1.0, 1),
        (0, 2, 0.5, 3),
        (1, 0, 0.5, 2),
    ]
    assert pairs[0].share.estimate == pytest.approx(0.5)


def test_a_seed_repeated_is_no_further_evidence():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 4, 400)
    once = seeds_of_predictions(generator, labels, 4, 1)
    thrice = np.tile(once, (3, 1))
    assert class_scores(labels, thrice, 4) == class_scores(labels, once, 4)
    first = class_scores(labels, once[0], 4)[0]
    right = int(((labels == 0) & (once[0] == 0)).sum())
    assert first.recall == wilson_interval(right, int((labels == 0).sum()))
    assert first.precision == wilson_interval(right, int((once[0] == 0).sum()))


def test_f1s_interval_is_near_the_bootstraps():
    generator = np.random.default_rng(1)
    labels = generator.integers(0, 3, 3000)
    predicted = seeds_of_predictions(generator, labels, 3, 1)[0]

    def f1(rows: np.ndarray) -> float:
        both = (rows == 0).all(axis=1).sum()
        return 2 * both / (rows == 0).sum()

    drawn = bootstrap_interval(np.stack([labels, predicted], axis=1), f1, seed=0, resamples=1000)
    found = class_scores(labels, predicted, 3)[0].f1
    assert found.estimate == pytest.approx(drawn.estimate)
    assert (found.low, found.high) == pytest.approx((drawn.low, drawn.high), abs=0.004)


@pytest.mark.parametrize("seeds", [1, 3])
def test_intervals_hold_their_level(seeds):
    # class 0: 70% recalled, a tenth of the other 300 images called 0
    recall, called = 0.7, 0.1
    precision = recall * 100 / (recall * 100 + called * 300)
    truth = {"recall": recall, "precision": precision, "f1": 2 / (1 / recall + 1 / precision)}
    labels = np.repeat([0, 1], [100, 300])
    missed = dict.fromkeys(truth, 0)
    generator = np.random.default_rng(seeds)
    for _ in range(800):
        as_first = generator.random((seeds, 400)) < np.where(labels == 0, recall, called)
        score = class_scores(labels, np.where(as_first, 0, 1), 2)[0]
        for name, value in truth.items():
            found = getattr(score, name)
            missed[name] += not found.low <= value <= found.high
    # Wilson's interval of 70 in 100 misses 6.3% by counting, 50 of 800: 71 is three standard
    # deviations above. Seeds that err independently are averaged, so more of them miss less.
    assert max(missed.values()) <= (71 if seeds == 1 else 8), missed


def test_a_class_without_images_or_predictions_says_that_nothing_is_known():
    score = class_scores(np.array([0, 0, 1]), np.array([0, 1, 1]), 4)[3]
    for found in (score.precision, score.recall, score.f1):
        assert np.isnan(found.estimate) and (found.low, found.high) == (0, 1)


some_models = st.tuples(st.integers(1, 5), st.integers(1, 30)).flatmap(
    lambda shape: arrays(bool, shape)
)


def scores_of(found: Agreement) -> list[float]:
    return [*found.kappa.values()]


def test_agreement_by_hand():
    found = agreement(np.array([[1, 1, 0, 0, 1], [1, 0, 1, 0, 1], [1, 0, 1, 0, 0]], dtype=bool))
    assert found.right.tolist() == [3, 1, 2, 0, 2]
    assert found.all_wrong.tolist() == [3]
    assert [found.only(model).tolist() for model in range(3)] == [[1], [], []]
    # 0 and 1: both 3/5 right, agree on 3/5; by chance 0.36 + 0.16 = 0.52; (0.6 - 0.52) / 0.48
    assert [*found.kappa] == [(0, 1), (0, 2), (1, 2)]
    assert found.kappa[0, 1] == pytest.approx(1 / 6)


@given(some_models)
def test_kappa_equals_scikit_learns(correct):
    for (first, second), kappa in agreement(correct).kappa.items():
        a, b = correct[first], correct[second]
        if len(np.unique(np.concatenate([a, b]))) == 1:
            assert np.isnan(kappa)
        else:
            assert kappa == pytest.approx(cohen_kappa_score(a, b), abs=1e-9)


@given(some_models, st.randoms(use_true_random=False))
def test_counts_fit_together_in_any_order(correct, random):
    found = agreement(correct)
    rows = [found.all_wrong, *(found.only(m) for m in range(len(correct)))]
    named = np.concatenate(rows)
    assert len(set(named.tolist())) == len(named)  # no image stands in two of them
    assert found.right.sum() == correct.sum()
    order = np.array(random.sample(range(len(found.right)), len(found.right)))
    again = agreement(correct[:, order])
    assert scores_of(again) == pytest.approx(scores_of(found), nan_ok=True)
    assert sorted(order[again.all_wrong].tolist()) == found.all_wrong.tolist()


def test_independent_models_have_kappa_near_0_and_equal_ones_1():
    correct = np.random.default_rng(0).random((2, 20_000)) < [[0.9], [0.7]]
    # accuracies alone make them agree on two thirds of the images
    assert (correct[0] == correct[1]).mean() > 0.6
    assert abs(agreement(correct).kappa[0, 1]) < 0.03
    assert agreement(correct[[0, 0]]).kappa[0, 1] == pytest.approx(1)


some_ids = st.lists(st.integers(0, 10_000), unique=True, max_size=80)


@given(some_ids, st.integers(1, 60), st.integers(0, 5), st.randoms(use_true_random=False))
def test_same_set_of_mistakes_gives_the_same_sample_in_any_order(ids, size, seed, random):
    first = review_sample(np.array(ids, dtype=int), size, seed)
    random.shuffle(ids)
    again = review_sample(np.array(ids, dtype=np.int32), size, seed)
    assert first.tolist() == again.tolist() == sorted(set(first.tolist()))
    assert len(first) == min(size, len(ids)) and set(first.tolist()) <= set(ids)


def test_every_mistake_is_drawn_equally_often():
    # 2,000 seeds, 5 of 20 each: every id is expected 500 times, standard deviation 19
    counts = sum(
        np.bincount(review_sample(np.arange(20), 5, seed), minlength=20) for seed in range(2000)
    )
    assert np.abs(counts - 500).max() < 80
