"""One score for each pair of two settings: what a heat map shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Grid:
    """rows, columns: the settings' values; mean, seeds: (R, C), NaN and 0 where nothing was run."""

    rows: tuple[float | str, ...]
    columns: tuple[float | str, ...]
    mean: np.ndarray
    seeds: np.ndarray

    @property
    def best(self) -> tuple[float | str, float | str]:
        """Row and column of the highest mean, the first of equal ones."""
        row, column = divmod(int(np.nanargmax(self.mean)), len(self.columns))
        return self.rows[row], self.columns[column]


def grid(
    rows: Sequence[float | str], columns: Sequence[float | str], scores: Sequence[float]
) -> Grid:
    """Average scores over the seeds of each pair of settings, such as learning rate × schedule.

    rows, columns, scores: (N,), one entry a run. Numbers are sorted, words keep the order in which
    they come. Raises ValueError for a score that is not finite: a failed run has none.
    """
    values = np.asarray(scores, dtype=float)
    if not len(rows) == len(columns) == len(values) > 0:
        raise ValueError(
            f"{len(rows)} rows, {len(columns)} columns, {len(values)} scores: expected one each a run"
        )
    if not np.isfinite(values).all():
        raise ValueError("scores hold values that are not finite; leave failed runs out")
    down, across = _in_order(rows), _in_order(columns)
    at = ([down.index(r) for r in rows], [across.index(c) for c in columns])
    total, seeds = np.zeros((len(down), len(across))), np.zeros((len(down), len(across)), int)
    np.add.at(total, at, values)
    np.add.at(seeds, at, 1)
    mean = np.divide(total, seeds, out=np.full(total.shape, np.nan), where=seeds > 0)
    return Grid(down, across, mean, seeds)


def _in_order(values: Sequence[float | str]) -> tuple[float | str, ...]:
    distinct = tuple(dict.fromkeys(values))
    if any(isinstance(value, str) for value in distinct):
        return distinct
    return tuple(sorted(distinct, key=float))
