from __future__ import annotations

import numpy as np
import pytest

from cvlib.analysis.pareto import pareto_front


def test_front_equals_comparing_all_pairs():
    generator = np.random.default_rng(0)
    for _ in range(50):
        # few distinct values, so that ties occur
        cost, gain = generator.integers(0, 6, (2, 15)).astype(float)
        expected = [
            not any(
                (cost[j] <= cost[i] and gain[j] >= gain[i])
                and (cost[j] < cost[i] or gain[j] > gain[i])
                for j in range(15)
            )
            for i in range(15)
        ]
        assert pareto_front(cost, gain).tolist() == expected


def test_a_value_that_is_not_a_number_is_refused():
    with pytest.raises(ValueError, match="finite"):
        pareto_front(np.array([1.0, np.nan]), np.array([1.0, 2.0]))
