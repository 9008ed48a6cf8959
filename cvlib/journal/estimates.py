"""A mean with its interval, the difference of two variants, and the paired test on the same test images.

A linear probe of fixed pretrained features has no random part: every seed gives the same result,
and `± 0.00` would say of other seeds what is known of none. Such a value stands without an
interval, which notes say, unless the run kept one over the images, the one thing that was drawn.
The difference of two such variants gets a bootstrap interval over the test images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from cvlib.analysis.intervals import Interval, t_interval, wilson_interval
from cvlib.analysis.paired import PairedTest, holm, paired_bootstrap, paired_test
from cvlib.journal import numbers
from cvlib.journal.errors import JournalError
from cvlib.journal.functions import of_experiment
from cvlib.journal.notes import marks, noted, skipped_and_stale, without_results
from cvlib.journal.quantity import STALE_MARK, Quantity, Words, keys_of, pipe_table
from cvlib.journal.results import shared_seeds, skipped_value, value_of
from cvlib.journal.words import counted, ranged

if TYPE_CHECKING:
    from cvlib.journal.quantity import Markdown, Skipped
    from cvlib.journal.results import Name, Results, Tested, VariantResults

LEVEL = 0.05


@of_experiment
def difference(
    results: Results,
    first: Name,
    second: Name = "base",
    metric: str = "test_accuracy",
    plus: bool = True,
) -> Quantity:
    """`+0.84 [0.31, 1.37] points`: first minus second, paired by seed.

    plus=False leaves the plus out, for sentences such as "loses 0.84 points".

    Example: exp01.difference("depth-4")
    """

    def points(one: VariantResults, other: VariantResults) -> Quantity:
        mean, interval, over = of_difference(one, other, metric)
        stale = one.is_stale or other.is_stale
        if interval is None:
            text = numbers.signed(mean, 2) if plus else numbers.fixed(mean, 2)
            return Quantity(f"{text} points", mean, stale=stale)
        text = numbers.difference(mean, interval.low, interval.high, plus=plus)
        remark = " (interval over images)" * (over == "images")
        return Quantity(f"{text} points{remark}", mean, interval.low, interval.high, stale)

    return value_of(results, [first, second], points)


@of_experiment
def compare(results: Results, first: Name, second: Name = "base") -> Comparison | Skipped:
    """`p = 0.003`: exact paired test on the same test images; `.verdict`, `.difference`.

    Example: exp01.compare("depth-4").verdict
    """
    pair = results.variant(first), results.variant(second)
    for variant in pair:
        if variant.is_skipped:
            return skipped_value(variant)
    return paired_tests([pair])[0]


@of_experiment
def comparisons(results: Results, *variants: Name, reference: Name | None = None) -> Comparisons:
    """Each variant against the reference, p-values Holm-adjusted together; shown as a table.

    `tests["probe"]` by name; by id, `tests["exp02/probe"]`, where two experiments share it.

    Example: exp01.comparisons("depth-4", "norm-none")
    """
    base, others = results.against(reference, variants or None)
    if base.is_skipped:
        return Comparisons(base, others, [])
    pairs = [(variant, base) for variant in results.shown(others)]
    return Comparisons(base, others, paired_tests(pairs))


class Spread(NamedTuple):
    """A mean with its interval, None where there is none; over: `seeds`, `images` or ''."""

    mean: float
    interval: Interval | None
    over: str = ""


def of_values(values: np.ndarray) -> Spread:
    """Mean of (n,) values and its 95% t-interval; none of one value, or where all are the same."""
    # differences that are equal may lie a rounding error apart
    if len(values) == 1 or np.ptp(values) <= 1e-12 * np.abs(values).max():
        return Spread(float(values.mean()), None)
    interval = t_interval(values)
    return Spread(interval.estimate, interval, "seeds")


def over_seeds(variant: VariantResults, metric: str, scale: float = 1.0) -> Spread:
    """Mean of a metric and its 95% t-interval over seeds.

    Where there is one seed, or nothing is random: the interval over images that the run kept as
    `<metric>_half_width`, if it did.
    """
    runs = variant.need().runs
    kept = f"{metric}_half_width"
    has_kept = all(kept in run.metrics for run in runs.values())
    if has_kept and (len(runs) == 1 or variant.is_deterministic):
        mean, half = scale * variant.mean(metric), scale * variant.mean(kept)
        return Spread(mean, Interval(mean, mean - half, mean + half), "images")
    return of_values(scale * variant.values(metric))


def is_share(metric: str) -> bool:
    """Whether a metric is an accuracy, said in percent."""
    return metric.endswith("_accuracy") or metric == "knn_purity"


def only_shares(metric: str) -> None:
    """Raises JournalError for a metric that has no points."""
    if not is_share(metric):
        raise JournalError(
            f"points are differences of accuracies (test_accuracy, val_accuracy, …), not of "
            f"{metric!r}; use ratio"
        )


def share_quantity(share: Interval, stale: bool = False) -> Quantity:
    """`12.1% [10.2, 14.3]`; its value is in percent."""
    values = (100 * share.estimate, 100 * share.low, 100 * share.high)
    return Quantity(numbers.share_text(share, "%"), *values, stale=stale)


def counted_share(part: float, whole: int, noun: str, stale: bool = False) -> Quantity:
    """`37 of 2,000 images (1.9% [1.3, 2.5])` with Wilson's interval; its value is the count."""
    text = f"{numbers.count_text(part)} of {whole:,} {noun}{'s' * (whole != 1)}"
    if not whole:
        return Quantity(text, float(part), stale=stale)
    share = wilson_interval(round(part), whole)
    return Quantity(f"{text} ({numbers.share_text(share, '%')})", float(part), stale=stale)


def over_images(values: np.ndarray) -> Interval:
    """Mean of (N,) shares of seeds, one an image, with its 95% bootstrap interval over images.

    Where all images are alike the bootstrap has nothing to draw; Wilson's interval stands there.
    """
    if np.ptp(values) == 0 and float(values[0]) in (0.0, 1.0):
        return wilson_interval(round(float(values.sum())), len(values))
    return paired_bootstrap(values, seed=0)


def of_difference(
    first: VariantResults, second: VariantResults, metric: str = "test_accuracy"
) -> Spread:
    """Accuracy of `first` minus `second` in points, paired by seed, with its 95% interval."""
    only_shares(metric)
    values = np.array(
        [
            100 * (first.value(metric, seed) - second.value(metric, seed))
            for seed in shared_seeds(first, second)
        ]
    )
    mean = float(values.mean())
    if first.is_deterministic and second.is_deterministic and np.ptp(values) == 0:
        if metric != "test_accuracy":
            return Spread(mean, None)
        found = paired_tests([(first, second)])[0].difference
        assert found.low is not None and found.high is not None
        return Spread(mean, Interval(mean, found.low, found.high), "images")
    return of_values(values)


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


def paired_tests(
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


class Comparisons(dict[str, Comparison]):
    """Comparisons with one reference, by the variant's name; shown as a table.

    Variants of two experiments that share a name go by their ids, such as `exp02/probe`; an id
    finds any variant. Of a skipped one, or all where the reference was, it says `skipped`.
    """

    def __init__(
        self,
        reference: VariantResults,
        asked: Sequence[VariantResults],
        found: Sequence[Comparison],
    ) -> None:
        """asked: the variants that were to be compared; found: of those that have results."""
        ids: dict[str, dict[str, None]] = {}
        for variant in asked:
            ids.setdefault(variant.name, {})[variant.id] = None
        self._key = {v.id: v.id if len(ids[v.name]) > 1 else v.name for v in asked}
        self._ids = {name: list(those) for name, those in ids.items()}
        self._asked = {variant.id: variant for variant in asked}
        self._reference = reference
        super().__init__({self._key[one.first.id]: one for one in found})

    def __missing__(self, name: str) -> Comparison | Skipped:
        there = self._ids.get(name, [name])
        if len(there) > 1:
            raise JournalError(f"{name!r} is in two experiments; say {' or '.join(there)}")
        variant = self._asked.get(there[0])
        if variant is None:
            raise JournalError(f"no comparison of {name!r}; there is: {self._names()}")
        for one in (self._reference, variant):
            if one.is_skipped:
                return skipped_value(one)
        return self[self._key[variant.need().id]]

    def _names(self) -> str:
        left_out = [key for one, key in self._key.items() if self._asked[one].is_skipped]
        return ", ".join(self) + f"; skipped: {', '.join(left_out)}" * bool(left_out)

    def _repr_markdown_(self) -> str:
        return self._table()._repr_markdown_()

    def __str__(self) -> str:
        return str(self._table())

    def _table(self) -> Markdown:
        every = [self._reference, *self._asked.values()]
        if not self:
            which = "reference was" if self._reference.is_skipped else "variants were"
            said = f"No comparison: the {which} skipped."
            return noted("", [said, *skipped_and_stale(every, [])], ())
        shown = [one.first for one in self.values()]
        mark = marks([self._reference, *shown])
        rows = [
            [
                one.first.label + mark[one.first.id],
                str(one.difference).removesuffix(STALE_MARK).removesuffix(" points"),
                numbers.p_value(one.p).removeprefix("p ").removeprefix("= "),
                one.verdict,
            ]
            for one in self.values()
        ]
        head = ["Variant", f"Difference to {self._reference.label} (points)", "p", "Verdict"]
        tests = [one.test for one in self.values()]
        images = ranged([test.images for test in tests], "test image")
        seeds = ranged([test.seeds for test in tests], "seed")
        together = counted(next(iter(self.values())).together, "comparison")
        note = [
            f"Difference with its 95% bootstrap interval over the same {images}, mean of {seeds}; "
            f"exact paired test, p adjusted for {together} (Holm).",
            *without_results(self._asked.values()),
            *skipped_and_stale(every, [self._reference, *shown]),
        ]
        table = pipe_table(head, rows, "lrrl")
        return noted(table, note, keys_of([self._reference, *shown]))
