"""Paired comparisons of variants on the same test images, as text and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cvlib.analysis.paired import PairedTest, holm, paired_test
from cvlib.journal import numbers
from cvlib.journal.errors import JournalError
from cvlib.journal.pipe_table import pipe_table
from cvlib.journal.quantity import STALE_MARK, Quantity, Skipped
from cvlib.journal.results import VariantResults, shared_seeds
from cvlib.journal.words import counted

if TYPE_CHECKING:
    from cvlib.results.run import Predictions

LEVEL = 0.05


@dataclass(frozen=True, repr=False)
class Comparison:
    """Is `first` better than `second`? Shown as its p-value: `p = 0.003`.

    p: exact and two-sided over images, seeds averaged; Holm-adjusted when `together` comparisons
    were asked for at once.
    """

    first: VariantResults
    second: VariantResults
    test: PairedTest
    p: float
    together: int = 1

    @property
    def difference(self) -> Quantity:
        """In points, with a 95% bootstrap interval over test images."""
        found = self.test.difference
        mean, low, high = (100 * v for v in (found.estimate, found.low, found.high))
        return Quantity(
            f"{numbers.difference(mean, low, high)} points", mean, low, high, self._stale
        )

    @property
    def is_significant(self) -> bool:
        """Whether p is below 0.05."""
        return self.p < LEVEL

    @property
    def verdict(self) -> str:
        """`better`, `worse` or `not told apart`, of `first` against `second`."""
        if not self.is_significant:
            return "not told apart"
        return "better" if self.test.difference.estimate > 0 else "worse"

    @property
    def _stale(self) -> bool:
        return self.first.is_stale or self.second.is_stale

    def _quantity(self) -> Quantity:
        return Quantity(numbers.p_value(self.p), self.p, stale=self._stale)

    def __str__(self) -> str:
        return str(self._quantity())

    def __repr__(self) -> str:
        return f"<{self.first.name} against {self.second.name}: {self}>"

    def __float__(self) -> float:
        return self.p

    def _repr_markdown_(self) -> str:
        return self._quantity()._repr_markdown_()


class Comparisons(dict[str, Comparison]):
    """Comparisons with one reference, by the variant's name; shown as a table.

    skipped: what stands for the variants that have no results because they were skipped.
    """

    def __init__(self, found: dict[str, Comparison], skipped: dict[str, Skipped]) -> None:
        super().__init__(found)
        self.skipped = skipped

    def __missing__(self, name: str) -> Skipped:
        if name in self.skipped:
            return self.skipped[name]
        raise JournalError(f"no comparison of {name!r}; there is: {', '.join(self)}")

    def _repr_markdown_(self) -> str:
        if not self:
            return "No comparison: the variants were skipped."
        rows = [
            [
                c.first.label + STALE_MARK * c.first.is_stale,
                str(c.difference).removesuffix(STALE_MARK).removesuffix(" points"),
                numbers.p_value(c.p).removeprefix("p ").removeprefix("= "),
                c.verdict,
            ]
            for c in self.values()
        ]
        one = next(iter(self.values()))
        head = ["Variant", f"Difference to {one.second.label} (points)", "p", "Verdict"]
        note = (
            "Difference with its 95% bootstrap interval over the same "
            f"{counted(one.test.images, 'test image')}, mean of {counted(one.test.seeds, 'seed')}; "
            f"exact paired test, p adjusted for {one.together} comparisons (Holm)."
        )
        return f"{pipe_table(head, rows, 'lrrl')}\n\n{note}"

    def __str__(self) -> str:
        return self._repr_markdown_()


def compare(
    pairs: Sequence[tuple[VariantResults, VariantResults]],
) -> list[Comparison]:
    """Test each pair; p-values are Holm-adjusted for all pairs of this call.

    Raises JournalError when two variants were tested on different images. The two may be of
    different experiments.
    """
    read: dict[tuple[str, str, int], Predictions] = {}

    def predictions(variant: VariantResults, seed: int) -> Predictions:
        key = variant.experiment, variant.name, seed
        if key not in read:
            read[key] = variant.runs[seed].predictions()
        return read[key]

    tests = []
    for first, second in pairs:
        if (first.experiment, first.name) == (second.experiment, second.name):
            raise JournalError(f"{first.name!r} is compared with itself; name two variants")
        seeds = shared_seeds(first, second)
        one, two = ([predictions(v, seed) for seed in seeds] for v in (first, second))
        if not _same_images(first, second, [*one, *two]):
            raise JournalError(
                f"{_full_name(first)} and {_full_name(second)} were not tested on the same "
                "images, so no paired test compares them"
            )
        tests.append(
            paired_test(np.array([p.correct for p in one]), np.array([p.correct for p in two]))
        )
    adjusted = holm([test.p for test in tests])
    return [
        Comparison(first, second, test, p, len(pairs))
        for (first, second), test, p in zip(pairs, tests, adjusted, strict=True)
    ]


def _same_images(
    first: VariantResults, second: VariantResults, predictions: Sequence[Predictions]
) -> bool:
    """Whether all are of the same images in the same order, also across experiments."""
    if first.variant.spec.dataset.name != second.variant.spec.dataset.name:
        return False  # the ids of two datasets may well be alike
    ids, labels = predictions[0].ids, predictions[0].labels
    return all(
        np.array_equal(ids, other.ids) and np.array_equal(labels, other.labels)
        for other in predictions
    )


def _full_name(variant: VariantResults) -> str:
    return f"{variant.experiment}/{variant.name}"
