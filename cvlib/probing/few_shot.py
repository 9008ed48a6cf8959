"""Accuracy of a linear probe that gets only a few labelled images of each class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cvlib.probing import logistic

STRENGTHS = tuple(float(c) for c in np.logspace(-4, 2, 13))


def curve(
    train_x: np.ndarray,
    train_y: np.ndarray,
    val_x: np.ndarray,
    val_y: np.ndarray,
    test_x: np.ndarray,
    test_y: np.ndarray,
    shots: Sequence[int],
    draws: int,
    seed: int,
    class_names: Sequence[str],
    device: str = "cpu",
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Test accuracy of `draws` random choices of `shots` training images a class.

    A draw shuffles each class once and takes its first images, so the 1-shot images of a draw are
    among its 5-shot images; draw d depends on (seed, d) alone. C is chosen by the loss on val
    images drawn in the same way, at most `shots` a class, so that the choice too sees few labels;
    the head that is tested was fitted on the `shots` training images alone.

    Returns rows {shots, draw, accuracy, c}, and {shots, reason} of those left out because a class
    has too few training images: fewer for one class would be another experiment of the same name.
    """
    counts = np.bincount(train_y, minlength=len(class_names))
    least = int(counts.argmin())
    rows, left_out = [], []
    for count in shots:
        if counts[least] < count:
            has = f"class {least} ({class_names[least]}) has {counts[least]} training images"
            left_out.append({"shots": int(count), "reason": has})
            continue
        for draw in range(draws):
            train = draw_rows(train_y, count, (seed, draw, 0))
            val = draw_rows(val_y, count, (seed, draw, 1))
            chosen = logistic.choose(
                np.asarray(train_x[train]),
                train_y[train],
                np.asarray(val_x[val]),
                val_y[val],
                STRENGTHS,
                len(class_names),
                device,
                folds=0,
            )
            accuracy = chosen.head.accuracy(test_x, test_y)
            rows.append({"shots": count, "draw": draw, "accuracy": accuracy, "c": chosen.c})
    return rows, left_out


def draw_rows(labels: np.ndarray, count: int, seed: tuple[int, ...]) -> np.ndarray:
    """Sorted positions of `count` rows of each class in labels (all of a class with fewer).

    For one seed, the rows for a smaller count are among those for a larger one.
    """
    generator = np.random.default_rng(seed)
    chosen = [
        generator.permutation(np.flatnonzero(labels == label))[:count]
        for label in np.unique(labels)
    ]
    return np.sort(np.concatenate(chosen))
