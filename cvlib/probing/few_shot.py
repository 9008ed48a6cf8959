"""Accuracy of a linear probe that gets only a few labelled images of each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cvlib.probing import logistic
from cvlib.probing.linear_head import as_features, as_labels

STRENGTHS = tuple(float(c) for c in np.logspace(-4, 2, 13))


@dataclass(frozen=True)
class FewShotCurve:
    """rows: shots, draw, accuracy (test), c; left_out: shots, reason, of each of shots without rows."""

    rows: list[dict[str, Any]]
    left_out: list[dict[str, Any]]


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
    strengths: Sequence[float] | np.ndarray = STRENGTHS,
    device: str = "cpu",
) -> FewShotCurve:
    """Test accuracy of `draws` random choices of `shots` training images a class.

    A draw shuffles each class once and takes its first images, so the 1-shot images of a draw are
    among its 5-shot images; draw d depends on (seed, d) alone. C is chosen on val images drawn in
    the same way, at most `shots` a class, so that the choice too sees few labels; the head that is
    tested was fitted on the `shots` training images alone.

    Shots for which a class has too few training images are left out, and said so in `left_out`:
    fewer images for one class would be another experiment under the same name.
    """
    if draws < 1 or not shots or min(shots) < 1:
        raise ValueError(f"shots {list(shots)}, draws {draws}: expected numbers from 1")
    num_classes = len(class_names)
    train_y = as_labels(train_y, len(train_x), num_classes, "cpu", "train_y").numpy()
    val_y = as_labels(val_y, len(val_x), num_classes, "cpu", "val_y").numpy()
    test_x = as_features(test_x, "cpu", "test_x").numpy()
    test_y = as_labels(test_y, len(test_x), num_classes, "cpu", "test_y").numpy()
    counts = np.bincount(train_y, minlength=num_classes)
    rows: list[dict[str, Any]] = []
    left_out: list[dict[str, Any]] = []
    for count in shots:
        if counts.min() < count:
            least = int(counts.argmin())
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
                strengths,
                num_classes,
                device,
                refit=False,
            )
            accuracy = chosen.head.accuracy(test_x, test_y)
            rows.append({"shots": count, "draw": draw, "accuracy": accuracy, "c": chosen.c})
    return FewShotCurve(rows, left_out)


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
