from __future__ import annotations

import numpy as np
import pytest

from cvlib.analysis.grid import grid


def test_cells_are_means_over_seeds_and_empty_ones_are_said():
    found = grid(
        [1e-2, 1e-3, 1e-2, 1e-2, 1e-3],
        ["step", "cosine", "step", "cosine", "cosine"],
        [0.5, 0.7, 0.6, 0.8, 0.9],
    )
    assert found.rows == (1e-3, 1e-2)  # numbers sorted
    assert found.columns == ("step", "cosine")  # words as they come
    assert found.mean[0, 1] == pytest.approx(0.8)
    assert found.mean[1].tolist() == pytest.approx([0.55, 0.8])
    assert np.isnan(found.mean[0, 0])
    assert found.seeds.tolist() == [[0, 2], [2, 1]]


def test_best_passes_over_empty_cells():
    assert grid([1, 2, 2], ["a", "a", "b"], [0.3, 0.9, 0.1]).best == (2, "a")


def test_failed_runs_must_be_left_out():
    with pytest.raises(ValueError, match="failed runs"):
        grid([1, 2], ["a", "b"], [0.5, np.nan])
    with pytest.raises(ValueError, match="2 rows, 1 columns, 2 scores"):
        grid([1, 2], ["a"], [0.5, 0.6])
