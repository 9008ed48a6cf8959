from __future__ import annotations

import numpy as np
import pytest

from cvlib.analysis.slice_candidates import (
    at_end,
    every_candidate,
    varies,
    within_class_position,
)


def test_position_is_the_middle_of_the_rank_within_the_class():
    values = np.array([5.0, 1, 3, 30, 10, 20, 40])
    labels = np.array([0, 0, 0, 1, 1, 1, 1])
    expected = [2.5 / 3, 0.5 / 3, 1.5 / 3, 2.5 / 4, 0.5 / 4, 1.5 / 4, 3.5 / 4]
    assert within_class_position(values, labels) == pytest.approx(expected)


def test_equal_values_stand_together():
    position = within_class_position(np.array([7.0, 2, 2, 2, 9]), np.zeros(5, int))
    assert position == pytest.approx([0.7, 0.3, 0.3, 0.3, 0.9])


@pytest.mark.parametrize("images", [5, 20, 35, 100, 1000])
def test_an_end_is_a_fifth_of_a_class(images):
    generator = np.random.default_rng(images)
    position = within_class_position(generator.permutation(images), np.zeros(images, int))
    assert at_end(position, "low", 0.2).sum() == at_end(position, "high", 0.2).sum() == images / 5


def test_an_end_of_equal_values_is_empty_or_whole():
    # 60% have the lowest value: they are no end; the other 40% are the high one
    position = within_class_position(np.repeat([1.0, 2.0], [60, 40]), np.zeros(100, int))
    assert at_end(position, "low", 0.2).sum() == 0
    assert at_end(position, "high", 0.2).sum() == 40


def test_an_end_over_all_classes_holds_each_by_its_share():
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 1], [300, 100])
    values = generator.normal(size=400) + 10 * labels  # the dark images of all would be class 0
    positions = {"brightness": within_class_position(values, labels)}
    found = every_candidate(positions, None, labels, ["T-shirt/top", "Ankle boot"], 0.2, 20)
    assert [item.words for item in found] == [
        "dark images",
        "bright images",
        "dark T-shirt/top",
        "bright T-shirt/top",
        "dark Ankle boot",
        "bright Ankle boot",
    ]
    assert np.bincount(labels[found[0].rows()]).tolist() == [60, 20]
    assert (found[4].rows() >= 300).all()


def test_groups_or_rests_of_few_images_are_left_out():
    labels = np.repeat([0, 1], [200, 95])
    positions = {"brightness": within_class_position(np.arange(295.0), labels)}
    found = every_candidate(positions, None, labels, ["a", "b"], 0.2, 20)
    assert {item.class_index for item in found} == {None, 0}  # a fifth of 95 is 19
    clusters = np.repeat([0, 1], [190, 10])
    assert not every_candidate({}, clusters, labels[:200], ["a"], 0.2, 20)


def test_a_class_wholly_in_a_cluster_is_left_out_of_it():
    labels = np.repeat([0, 1], [50, 100])
    clusters = np.repeat([0, 0, 1], [50, 40, 60])
    inside = every_candidate({}, clusters, labels, ["Bag", "Coat"], 0.2, 20)
    assert inside[0].words == "cluster 0 (Bag 56%, Coat 44%)"
    assert inside[0].rows().tolist() == list(range(50, 90))
    assert inside[0].scope.tolist() == list(range(50, 150))


def test_a_property_that_only_tells_classes_apart_varies_within_none():
    labels = np.array([0, 0, 1, 1])
    assert not varies(np.array([1.0, 1, 2, 2]), labels)
    assert varies(np.array([1.0, 1, 2, 3]), labels)
