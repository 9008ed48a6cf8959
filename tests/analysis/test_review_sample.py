from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvlib.analysis.review_sample import review_sample

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


def test_another_seed_is_another_sample():
    ids = np.arange(1000)
    assert review_sample(ids, 60, 0).tolist() != review_sample(ids, 60, 1).tolist()


@pytest.mark.parametrize(
    ("ids", "size", "words"),
    [([1, 1, 2], 5, "3 ids, 2"), ([1, 2], 0, "size: 0"), ([[1]], 5, "whole numbers")],
)
def test_what_is_no_list_of_mistakes_is_refused(ids, size, words):
    with pytest.raises(ValueError, match=words):
        review_sample(np.array(ids), size)
