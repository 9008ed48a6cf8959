from __future__ import annotations

import numpy as np
import pytest

from cvlib.analysis.clusters import clusters, describe


def blobs(*sizes: int) -> np.ndarray:
    generator = np.random.default_rng(0)
    centres = [(20 * number, 15 * (number % 3)) for number in range(len(sizes))]
    return np.concatenate(
        [
            generator.normal(centre, 1.0, (size, 2))
            for centre, size in zip(centres, sizes, strict=True)
        ]
    )


def test_groups_that_lie_apart_are_found_largest_first():
    found = clusters(blobs(30, 90, 60), seed=0, count=3)
    assert found.tolist() == [2] * 30 + [0] * 90 + [1] * 60


def test_points_and_seed_determine_the_groups():
    points = np.random.default_rng(1).normal(size=(400, 2))
    assert (clusters(points, seed=5) == clusters(points, seed=5)).all()


@pytest.mark.parametrize(("images", "groups"), [(60, 2), (499, 9), (1000, 20), (3000, 20), (1, 1)])
def test_a_group_has_fifty_images_on_average_and_there_are_twenty_at_most(images, groups):
    points = np.random.default_rng(2).normal(size=(images, 2))
    assert len(np.unique(clusters(points, seed=0))) == groups


def test_points_that_are_equal_are_one_group():
    assert clusters(np.ones((200, 2)), seed=0).tolist() == [0] * 200


def test_more_groups_than_points_are_refused():
    with pytest.raises(ValueError, match="expected 1 to 3"):
        clusters(np.arange(6.0).reshape(3, 2), seed=0, count=4)


@pytest.mark.parametrize("points", [np.zeros((5, 3)), np.full((5, 2), np.nan), np.zeros(5)])
def test_what_is_no_map_is_refused(points):
    with pytest.raises(ValueError, match=r"expected \(N, 2\) finite"):
        clusters(points, seed=0)


def test_a_group_is_described_by_its_most_frequent_classes():
    names = ["Coat", "Shirt", "Bag", "Dress"]
    assert describe(np.repeat([0, 1, 2], [20, 61, 19]), names) == "Shirt 61%, Coat 20%"
    assert describe(np.repeat([3, 1], [95, 5]), names) == "Dress 95%"
    assert describe(np.repeat([3, 1], [50, 50]), names) == "Shirt 50%, Dress 50%"
    assert describe(np.arange(40), [f"class {code}" for code in range(40)]) == "class 0 2%"


def test_a_group_without_images_is_not_described():
    with pytest.raises(ValueError, match="without images"):
        describe(np.array([], int), ["Coat"])
