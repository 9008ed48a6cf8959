"""A paired comparison of two variants on the same test images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cvlib.analysis.paired import PairedTest, holm, paired_test
from cvlib.journal import numbers
from cvlib.journal.errors import JournalError
from cvlib.journal.origin import keys_of
from cvlib.journal.quantity import Quantity, Words
from cvlib.journal.tested import Tested
from cvlib.journal.variant_results import VariantResults, shared_seeds

if TYPE_CHECKING:
    from typing_extensions import Self

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

    def traced(self, _runs: Iterable[str]) -> Self:
        """Itself: what it shows names the runs of both."""
        return self

    @property
    def difference(self) -> Quantity:
        """In points, with a 95% bootstrap interval over test images."""
        found = self.test.difference
        mean, low, high = (100 * v for v in (found.estimate, found.low, found.high))
        text = f"{numbers.difference(mean, low, high)} points"
        return Quantity(text, mean, low, high, self._stale, self._runs)

    @property
    def is_significant(self) -> bool:
        """Whether p is below 0.05."""
        return self.p < LEVEL

    @property
    def verdict(self) -> Words:
        """`better`, `worse` or `not told apart`, of `first` against `second`."""
        said = "better" if self.test.difference.estimate > 0 else "worse"
        return Words(said if self.is_significant else "not told apart", self._runs)

    @property
    def _stale(self) -> bool:
        return self.first.is_stale or self.second.is_stale

    @property
    def _runs(self) -> tuple[str, ...]:
        return keys_of((self.first, self.second))

    def _quantity(self) -> Quantity:
        return Quantity(numbers.p_value(self.p), self.p, stale=self._stale, runs=self._runs)

    def __str__(self) -> str:
        return str(self._quantity())

    def __repr__(self) -> str:
        return f"<{self.first.id} against {self.second.id}: {self}>"

    def __float__(self) -> float:
        return self.p

    def _repr_markdown_(self) -> str:
        return self._quantity()._repr_markdown_()


def compare(
    pairs: Sequence[tuple[VariantResults, VariantResults]],
) -> list[Comparison]:
    """Test each pair; p-values are Holm-adjusted for all pairs of this call.

    Raises JournalError when two variants were tested on different images. The two may be of
    different experiments.
    """
    tests = []
    for first, second in pairs:
        if first.id == second.id:
            raise JournalError(f"{first.id} is compared with itself; name two variants")
        seeds = shared_seeds(first, second)
        one, two = ([v.tested(seed) for seed in seeds] for v in (first, second))
        if not same_images(first, second, [*one, *two]):
            raise JournalError(
                f"{first.id} and {second.id} were not tested on the same "
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


def same_images(first: VariantResults, second: VariantResults, tested: Sequence[Tested]) -> bool:
    """Whether all are of the same images in the same order, also across experiments."""
    if first.variant.spec.dataset.name != second.variant.spec.dataset.name:
        return False  # the ids of two datasets may well be alike
    ids, labels = tested[0].ids, tested[0].labels
    return all(
        np.array_equal(ids, other.ids) and np.array_equal(labels, other.labels) for other in tested
    )
