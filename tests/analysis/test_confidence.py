from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import special, stats

from cvlib.analysis.confidence import (
    hardness,
    mistakenness,
    probable_label_errors,
    reliability,
    softmax,
)
from cvlib.analysis.intervals import wilson_interval
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
    assert (
        (softmax(logits).max(axis=1) >= 1 / classes - 1e-12) & (softmax(logits).max(axis=1) <= 1)
    ).all()
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


def logits_of(claimed: np.ndarray) -> np.ndarray:
    """Two classes, the first predicted with these probabilities."""
    return np.log(np.stack([claimed, 1 - claimed], axis=1))


def drawn(generator, images: int, temperature: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits of a model that is calibrated at temperature 1, labels, chance of being right."""
    logits = generator.normal(size=(images, 10)) * generator.gamma(2, 2.5, (images, 1))
    truth = softmax(logits)
    labels = (truth.cumsum(axis=1) > generator.random((images, 1))).argmax(axis=1)
    return logits * temperature, labels, truth[np.arange(images), logits.argmax(axis=1)]


def test_ece_and_bins_by_hand():
    # 0.6 four times, half right: 4/8 |0.5 - 0.6|; 0.9 four times, all right: 4/8 |1 - 0.9|
    logits = logits_of(np.repeat([0.6, 0.9], 4))
    found = reliability(logits, np.array([0, 0, 1, 1, 0, 0, 0, 0]), bins=5)
    assert found.ece.estimate == pytest.approx(0.1)
    assert found.gap.estimate == pytest.approx(0)
    assert [b.count for b in found.bins] == [0, 0, 4, 0, 4]
    third = found.bins[2]
    assert (third.low, third.high, third.confidence) == pytest.approx((0.4, 0.6, 0.6))
    assert third.accuracy == wilson_interval(2, 4)
    assert found.bins[0].accuracy is None and found.bins[0].confidence is None


@pytest.mark.shipped
def test_ece_equals_a_loop_over_bins_on_a_real_run():
    predictions = stored_predictions("exp01", "base", 0)
    claimed, right = softmax(predictions.logits).max(axis=1), predictions.correct
    expected = 0.0
    for k in range(15):
        inside = (claimed > k / 15) & (claimed <= (k + 1) / 15)
        if inside.any():
            gap = abs(right[inside].mean() - claimed[inside].mean())
            expected += inside.mean() * gap
    found = reliability(predictions.logits, predictions.labels, 15)
    assert found.ece.estimate == pytest.approx(expected)
    assert sum(b.count for b in found.bins) == len(right)
    assert found.ece.low <= expected <= found.ece.high


def test_gap_is_positive_for_a_model_that_claims_too_much():
    generator = np.random.default_rng(0)
    logits, labels, _ = drawn(generator, 3000, temperature=1.6)
    assert reliability(logits, labels, 15).gap.low > 0
    logits, labels, _ = drawn(generator, 3000, temperature=0.6)
    assert reliability(logits, labels, 15).gap.high < 0


def test_a_calibrated_models_ece_is_what_chance_gives():
    logits, labels, _ = drawn(np.random.default_rng(1), 2000, temperature=1.0)
    found = reliability(logits, labels, 15)
    assert found.ece.estimate == pytest.approx(found.by_chance, rel=0.35)
    assert found.ece.low == 0


@pytest.mark.parametrize("temperature", [1.0, 1.2])
def test_eces_interval_holds_the_truth(temperature, monkeypatch):
    monkeypatch.setattr("cvlib.analysis.confidence.RESAMPLES", 200)
    generator = np.random.default_rng(2)
    logits, _, chance = drawn(generator, 200_000, temperature)
    claimed = softmax(logits).max(axis=1)
    place = np.ceil(claimed * 15).astype(int)
    truth = np.abs(np.bincount(place, claimed - chance)).sum() / len(place)
    missed = 0
    for _ in range(200):
        logits, labels, _ = drawn(generator, 2000, temperature)
        found = reliability(logits, labels, 15).ece
        missed += not found.low - 1e-9 <= truth <= found.high
    # 10 of 200 expected, standard deviation 3.1; the basic interval alone misses 26,
    # the percentile one 52, at temperature 1.2
    assert missed <= 19


def test_the_order_of_images_does_not_change_the_estimate_and_the_seed_fixes_the_interval():
    logits, labels, _ = drawn(np.random.default_rng(3), 500, temperature=1.3)
    order = np.random.default_rng(4).permutation(500)
    first, shuffled = reliability(logits, labels, 15), reliability(logits[order], labels[order], 15)
    assert shuffled.ece.estimate == pytest.approx(first.ece.estimate)
    assert [b.count for b in shuffled.bins] == [b.count for b in first.bins]
    assert reliability(logits, labels, 15) == first


# eight images of three classes, small enough to follow by hand
PROBABILITIES = np.array(
    [
        [0.90, 0.05, 0.05],
        [0.70, 0.20, 0.10],
        [0.10, 0.85, 0.05],  # labelled 0, as sure to be 1 as those of class 1
        [0.20, 0.75, 0.05],
        [0.10, 0.80, 0.10],
        [0.60, 0.30, 0.10],  # labelled 1, looks like 0
        [0.10, 0.10, 0.80],
        [0.05, 0.55, 0.40],  # labelled 2, looks like 1 but not confidently
    ]
)
LABELS = np.array([0, 0, 0, 1, 1, 1, 2, 2])


# what cleanlab 2.9 gives for them: find_label_issues(filter_by="confident_learning",
# return_indices_ranked_by="normalized_margin", min_examples_per_class=0)
CLEANLAB_ROWS = [2, 5]


def test_eight_images_by_hand_and_as_cleanlab_has_them():
    # thresholds: (0.9 + 0.7 + 0.1) / 3 = 0.567, (0.75 + 0.8 + 0.3) / 3 = 0.617, (0.8 + 0.4) / 2
    # = 0.6. Counted as: 0, 0, 1 | 1, 1, 0 | 2, none.
    found = probable_label_errors(PROBABILITIES, LABELS)
    assert found.rows.tolist() == CLEANLAB_ROWS == [2, 5]
    assert found.suggested.tolist() == [1, 0]
    assert found.score == pytest.approx([0.75, 0.3])


@st.composite
def noisy_predictions(draw):
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    classes, images = draw(st.integers(2, 5)), draw(st.integers(1, 40))
    probabilities = generator.dirichlet(np.full(classes, 0.5), images)
    return probabilities, generator.integers(0, classes, images)


@given(noisy_predictions())
def test_what_is_found_disagrees_with_its_label_and_is_called_a_class_that_there_is(drawn):
    probabilities, labels = drawn
    found = probable_label_errors(probabilities, labels)
    assert (found.suggested != labels[found.rows]).all()
    assert (probabilities.argmax(axis=1) != labels)[found.rows].all()
    assert (np.diff(found.score) <= 0).all()
    # a class that no image is labelled as is never suggested
    assert np.isin(found.suggested, labels).all()


@given(noisy_predictions(), st.randoms(use_true_random=False))
def test_neither_the_order_of_images_nor_of_classes_matters(drawn, random):
    probabilities, labels = drawn
    found = probable_label_errors(probabilities, labels)
    rows = np.array(random.sample(range(len(labels)), len(labels)))
    again = probable_label_errors(probabilities[rows], labels[rows])
    assert rows[again.rows].tolist() == found.rows.tolist()
    classes = probabilities.shape[1]
    name = np.array(random.sample(range(classes), classes))  # new class i is old class name[i]
    renamed = probable_label_errors(probabilities[:, name], np.argsort(name)[labels])
    assert renamed.rows.tolist() == found.rows.tolist()
    assert name[renamed.suggested].tolist() == found.suggested.tolist()


@pytest.mark.shipped
@pytest.mark.parametrize(("experiment", "variant"), [("exp01", "base"), ("exp02", "head-first")])
def test_planted_label_errors_are_found_in_a_real_run(experiment, variant):
    predictions = stored_predictions(experiment, variant, 0)
    for seed in range(5):
        labels, changed = planted(predictions.labels, share=0.05, seed=seed)
        found = probable_label_errors(softmax(predictions.logits), labels)
        recall = changed[found.rows].sum() / changed.sum()
        # the rest of what is named are the model's own mistakes; there are fewer of them than among
        # all images where model and label disagree, or confident learning would be of no use
        precision = changed[found.rows].mean()
        disagreement = changed[predictions.predicted != labels].mean()
        assert recall >= 0.7 and precision >= 1.25 * disagreement, (seed, recall, precision)
        right = found.suggested == predictions.labels[found.rows]
        # and the class suggested for them is right at least as often as the model is on the whole
        assert right[changed[found.rows]].mean() >= predictions.correct.mean()
