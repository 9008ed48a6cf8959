from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvlib.analysis.label_errors import probable_label_errors
from cvlib.analysis.scores import softmax
from tests.analysis.stored import planted, stored_predictions

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
# return_indices_ranked_by="normalized_margin", min_examples_per_class=0) and estimate_joint
CLEANLAB_ROWS = [2, 5]
CLEANLAB_JOINT = [[0.25, 0.125, 0], [0.125, 0.25, 0], [0, 0, 0.25]]


def test_eight_images_by_hand_and_as_cleanlab_has_them():
    # thresholds: (0.9 + 0.7 + 0.1) / 3 = 0.567, (0.75 + 0.8 + 0.3) / 3 = 0.617, (0.8 + 0.4) / 2
    # = 0.6. Counted as: 0, 0, 1 | 1, 1, 0 | 2, none.
    found = probable_label_errors(PROBABILITIES, LABELS)
    assert found.rows.tolist() == CLEANLAB_ROWS == [2, 5]
    assert found.suggested.tolist() == [1, 0]
    assert found.score == pytest.approx([0.75, 0.3])
    # rows of counts 2 1 0 | 1 2 0 | 0 0 1, each label keeping its 3, 3 and 2 of the 8 images
    expected = np.array([[2, 1, 0], [1, 2, 0], [0, 0, 2]]) / 8
    assert found.joint == pytest.approx(expected)
    assert found.joint == pytest.approx(np.array(CLEANLAB_JOINT))


@st.composite
def noisy_predictions(draw):
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    classes, images = draw(st.integers(2, 5)), draw(st.integers(1, 40))
    probabilities = generator.dirichlet(np.full(classes, 0.5), images)
    return probabilities, generator.integers(0, classes, images)


@given(noisy_predictions())
def test_what_is_found_disagrees_with_its_label_and_the_joint_keeps_the_labels_shares(drawn):
    probabilities, labels = drawn
    found = probable_label_errors(probabilities, labels)
    assert (found.suggested != labels[found.rows]).all()
    assert (probabilities.argmax(axis=1) != labels)[found.rows].all()
    assert (np.diff(found.score) <= 0).all()
    assert found.joint.sum() == pytest.approx(1)
    shares = np.bincount(labels, minlength=len(found.joint)) / len(labels)
    assert found.joint.sum(axis=1) == pytest.approx(shares)
    # a class that no image is labelled as is never suggested
    assert (shares[found.suggested] > 0).all()


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


def test_logits_are_refused():
    with pytest.raises(ValueError, match=r"scores\.softmax"):
        probable_label_errors(np.array([[3.0, -1.0]]), np.array([0]))
    with pytest.raises(ValueError, match=r"labels: 0\.\.2, expected 0\.\.1"):
        probable_label_errors(np.full((2, 2), 0.5), np.array([0, 2]))
