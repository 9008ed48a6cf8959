"""Few-shot curve: seeded, stratified, nested draws; few labels for the choice of C too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from cvlib.probing import few_shot, logistic

X, Y = load_digits(return_X_y=True)
X = X.astype(np.float32)
NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TRAIN, VAL, TEST = slice(0, 900), slice(900, 1200), slice(1200, None)


def curve(
    shots: tuple[int, ...], draws: int, seed: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    return few_shot.curve(
        X[TRAIN], Y[TRAIN], X[VAL], Y[VAL], X[TEST], Y[TEST], shots, draws, seed, NAMES
    )


def test_more_shots_are_better_and_every_draw_has_a_row() -> None:
    rows, _ = curve((1, 10, 50), 3, seed=0)
    assert [(row["shots"], row["draw"]) for row in rows] == [
        (shots, draw) for shots in (1, 10, 50) for draw in range(3)
    ]
    means = [np.mean([row["accuracy"] for row in rows if row["shots"] == s]) for s in (1, 10, 50)]
    assert means[0] + 0.1 < means[1] < means[2] - 0.02


def test_draws_differ_and_the_seed_repeats_them() -> None:
    first, _ = curve((5,), 2, seed=3)
    assert first == curve((5,), 2, seed=3)[0]
    assert first[0]["accuracy"] != first[1]["accuracy"]
    assert first != curve((5,), 2, seed=4)[0]


def test_images_of_fewer_shots_are_among_those_of_more() -> None:
    one, five = (few_shot.draw_rows(Y, count, (0, 1, 0)) for count in (1, 5))
    assert set(one) < set(five)
    assert np.bincount(Y[five], minlength=10).tolist() == [5] * 10
    assert set(five) != set(few_shot.draw_rows(Y, 5, (0, 2, 0)))


def test_shots_beyond_the_smallest_class_are_left_out_with_the_reason() -> None:
    smallest = np.bincount(Y[TRAIN]).min()
    rows, left_out = curve((1, int(smallest) + 1), 1, seed=0)
    assert [row["shots"] for row in rows] == [1]
    assert len(left_out) == 1
    assert left_out[0]["shots"] == smallest + 1
    assert f"{smallest} training images" in left_out[0]["reason"]
    least = int(np.bincount(Y[TRAIN]).argmin())
    assert f"class {least} ({NAMES[least]}) has" in left_out[0]["reason"]


def test_choice_of_c_sees_no_more_than_shots_val_images(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def watched(train_x, train_y, val_x, val_y, *rest, **named):  # type: ignore[no-untyped-def]
        seen.append((np.bincount(train_y).max(), np.bincount(val_y).max(), named["folds"]))
        return real(train_x, train_y, val_x, val_y, *rest, **named)

    real = logistic.choose
    monkeypatch.setattr(few_shot.logistic, "choose", watched)
    curve((1, 5), 1, seed=0)
    assert seen == [(1, 1, 0), (5, 5, 0)]
