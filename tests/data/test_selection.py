from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cvlib.data.arrays import DataError
from cvlib.data.selection import cut, stratified_order, take_subset

ORDER_OF_SEED_7 = [3, 11, 1, 9, 2, 10, 0, 8, 7, 6, 5, 4]
NAMES = [f"class {n}" for n in range(12)]


@st.composite
def label_arrays(draw: st.DrawFn, least: int = 2) -> np.ndarray:
    counts = draw(st.lists(st.integers(least, 40), min_size=2, max_size=12))
    labels = np.repeat(np.arange(len(counts)), counts)
    return np.random.default_rng(draw(st.integers(0, 99))).permutation(labels)


@given(label_arrays(least=1), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_every_prefix_of_the_order_is_stratified(labels: np.ndarray, seed: int) -> None:
    order = stratified_order(labels, seed, "subset")
    assert np.array_equal(np.sort(order), np.arange(len(labels)))
    counts = np.bincount(labels)
    for size in range(len(counts), len(labels) + 1):
        taken = np.bincount(labels[order[:size]], minlength=len(counts))
        assert taken.min() >= 1
        # Beyond the one image that each class is given, no class is ahead of another by more than
        # one image's worth of share.
        more = taken > 1
        ahead = (taken[more] - 0.5) / counts[more]  # where the last one taken stands
        behind = (taken + 0.5) / counts  # where the next one stands
        waiting = taken < counts
        if more.any() and waiting.any():
            assert ahead.max() <= behind[waiting].min() + 1e-12


@given(label_arrays(), st.integers(0, 999), st.data())
@settings(max_examples=60, deadline=None)
def test_subsets_are_nested_sorted_and_hold_every_class(
    labels: np.ndarray, seed: int, data: st.DataObject
) -> None:
    classes = len(np.unique(labels))
    large = data.draw(st.integers(classes, len(labels)))
    small = data.draw(st.integers(classes, large))
    chosen = [take_subset(labels, size, seed, "subset") for size in (small, large)]
    assert [len(c) for c in chosen] == [small, large]
    assert set(chosen[0]) <= set(chosen[1])
    assert np.all(np.diff(chosen[1]) > 0)
    assert len(np.unique(labels[chosen[0]])) == classes


@given(label_arrays(), st.floats(0.05, 0.5), st.integers(0, 999))
@settings(max_examples=60, deadline=None)
def test_a_cut_is_a_partition_with_every_class_on_both_sides(
    labels: np.ndarray, fraction: float, seed: int
) -> None:
    kept, off = cut(labels, fraction, seed, "val", NAMES)
    assert np.array_equal(np.sort(np.concatenate([kept, off])), np.arange(len(labels)))
    assert set(labels[kept]) == set(labels[off]) == set(labels)
    assert len(off) == max(round(fraction * len(labels)), len(np.unique(labels)))


def test_balanced_classes_stay_balanced() -> None:
    labels = np.tile(np.arange(10), 100)
    kept, off = cut(labels, 0.1, 0, "val", NAMES)
    assert np.bincount(labels[off]).tolist() == [10] * 10
    assert np.bincount(labels[kept]).tolist() == [90] * 10


def test_order_is_the_same_on_every_platform_and_release() -> None:
    """Written down once: a change here would make every stored run stale."""
    labels = np.tile(np.arange(3), 4)
    assert stratified_order(labels, 7, "val").tolist() == ORDER_OF_SEED_7


def test_seeds_and_streams_give_different_cuts() -> None:
    labels = np.tile(np.arange(5), 40)
    first = cut(labels, 0.2, 0, "val", NAMES)[1]
    assert not np.array_equal(first, cut(labels, 0.2, 1, "val", NAMES)[1])
    assert not np.array_equal(first, cut(labels, 0.2, 0, "test", NAMES)[1])


@given(label_arrays(least=1), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_a_subset_larger_than_the_data_is_all_of_them(labels: np.ndarray, more: int) -> None:
    everything = np.arange(len(labels))
    assert np.array_equal(take_subset(labels, len(labels) + more, 0, "subset"), everything)


def test_a_rare_class_keeps_two_images_so_that_val_can_be_cut() -> None:
    labels = np.array([0] * 1000 + [1] * 1000 + [2] * 3)
    assert np.bincount(labels[take_subset(labels, 100, 0, "subset")]).tolist()[2] == 1
    chosen = take_subset(labels, 100, 0, "subset", each=2)
    assert len(chosen) == 100 and np.bincount(labels[chosen]).tolist()[2] == 2
    kept, off = cut(labels[chosen], 0.1, 0, "val", NAMES)
    assert set(labels[chosen][kept]) == set(labels[chosen][off]) == {0, 1, 2}


@given(label_arrays(), st.integers(0, 99), st.data())
@settings(max_examples=60, deadline=None)
def test_asking_for_two_of_each_changes_nothing_where_there_are_two(
    labels: np.ndarray, seed: int, data: st.DataObject
) -> None:
    classes = len(np.unique(labels))
    size = data.draw(st.integers(classes, len(labels)))
    plain = take_subset(labels, size, seed, "subset")
    twice = take_subset(labels, size, seed, "subset", each=2)
    if np.bincount(labels[plain]).min() >= 2:
        assert np.array_equal(plain, twice)
    elif size >= 2 * classes:
        assert len(twice) == size and np.bincount(labels[twice]).min() >= 2


def test_impossible_requests_say_what_to_change() -> None:
    labels = np.array([0] * 20 + [1] * 20 + [2])
    with pytest.raises(DataError, match="at least 3"):
        take_subset(labels, 2, 0, "subset")
    with pytest.raises(DataError, match=r"'class 2' has 1 image, too few"):
        cut(labels, 0.1, 0, "val", NAMES)
