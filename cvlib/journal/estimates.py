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
from cvlib.analysis.paired import LEVEL, PairedTest, holm, paired_bootstrap, paired_test
from cvlib.journal import numbers
from cvlib.journal.errors import JournalError
from cvlib.journal.handle import of_experiment
from cvlib.journal.notes import marks, noted, skipped_and_stale, without_results
from cvlib.journal.quantity import Quantity, Words, keys_of, pipe_table
from cvlib.journal.results import shared_seeds, skipped_value, value_of
from cvlib.journal.words import counted, grouped, ranged

if TYPE_CHECKING:
    from cvlib.journal.quantity import Markdown, Skipped
    from cvlib.journal.results import Name, Results, VariantResults


_SIGNS = np.array([1, -1, -1, 1])  # of variants in a difference, or a difference of differences


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
        only_shares(metric)
        mean, interval, over = of_difference(one, other, metric=metric)
        if interval is None:
            text = numbers.signed(mean, 2) if plus else numbers.fixed(mean, 2)
            return Quantity(f"{text} points", mean)
        text = numbers.difference(mean, interval.low, interval.high, plus=plus)
        remark = " (interval over images)" * (over == "images")
        return Quantity(f"{text} points{remark}", mean, interval.low, interval.high)

    return value_of(results, [first, second], points)


@of_experiment
def compare(results: Results, first: Name, second: Name = "base") -> Comparison | Skipped:
    """`p = 0.003`: exact paired test on the same test images; `.verdict`, `.difference`.

    Example: exp01.compare("depth-4").verdict
    """
    return value_of(results, [first, second], lambda *pair: paired_tests([pair])[0])


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


def counted_share(part: int, whole: int, noun: str) -> Quantity:
    """`37 of 2,000 images (1.9% [1.3, 2.5])` with Wilson's interval; its value is the count."""
    text = f"{part:,} of {counted(whole, noun)}"
    if whole:
        text += f" ({numbers.share_text(wilson_interval(part, whole), '%')})"
    return Quantity(text, float(part))


def over_images(values: np.ndarray) -> Interval:
    """Mean of (N,) shares of seeds, one an image, with its 95% bootstrap interval over images.

    Where all images are alike the bootstrap has nothing to draw; Wilson's interval stands there.
    """
    if np.ptp(values) == 0 and float(values[0]) in (0.0, 1.0):
        return wilson_interval(round(float(values.sum())), len(values))
    return paired_bootstrap(values, seed=0)


def of_difference(*variants: VariantResults, metric: str = "test_accuracy") -> Spread:
    """First minus second of a metric, paired by seed, with its 95% interval; accuracies in points.

    Of four variants: first − second − (third − fourth).
    """
    seeds = shared_seeds(*variants)
    scale = 100 if is_share(metric) else 1
    values = np.array(
        [
            scale * sum(s * v.value(metric, seed) for s, v in zip(_SIGNS, variants, strict=False))
            for seed in seeds
        ]
    )
    fixed = metric == "test_accuracy" and np.ptp(values) == 0
    if fixed and all(one.is_deterministic for one in variants):
        over_images = paired_bootstrap(right_more_often(variants) / len(seeds), seed=0)
        ends = (over_images.estimate, over_images.low, over_images.high)
        # the mean over images may differ from that over seeds in its last bit
        return Spread(float(values.mean()), Interval(*(100 * end for end in ends)), "images")
    return of_values(values)


def right_more_often(variants: Sequence[VariantResults], claim: str = "") -> np.ndarray:
    """Seeds that are right, (N,) int64, an image each; of the variants as in `of_difference`.

    Raises JournalError, which begins with `claim`, when they were tested on different images.
    """
    counts = [correct.sum(axis=0) for correct in answers(variants, claim)]
    return _SIGNS[: len(counts)] @ np.array(counts)


def answers(variants: Sequence[VariantResults], claim: str = "") -> list[np.ndarray]:
    """Whether the seeds that all have are right, (S, N) bool of each variant, on the same images.

    Raises JournalError, which begins with `claim`, when two were tested on different images. They
    may be of different experiments.
    """
    first, seeds = variants[0], shared_seeds(*variants)
    same = first.tested(seeds[0])
    found = []
    for variant in variants:
        tested = [variant.tested(seed) for seed in seeds]
        # the ids of two datasets may well be alike
        if variant.variant.spec.dataset.name != first.variant.spec.dataset.name or not all(
            np.array_equal(same.ids, one.ids) and np.array_equal(same.labels, one.labels)
            for one in tested
        ):
            raise JournalError(
                f"{claim}{first.id} and {variant.id} were not tested on the same images, so no "
                "paired test compares them"
            )
        found.append(np.array([one.correct for one in tested]))
    return found


@dataclass(frozen=True, repr=False, kw_only=True)
class Comparison(Quantity):
    """Is `first` better than `second`? Shown as its p-value: `p = 0.003`.

    Its value, p, is exact and two-sided over images, seeds averaged; Holm-adjusted when `together`
    comparisons were asked for at once.
    """

    first: VariantResults
    second: VariantResults
    test: PairedTest
    together: int

    @property
    def p(self) -> float:
        """The p-value."""
        return float(self)

    @property
    def difference(self) -> Quantity:
        """In points, with a 95% bootstrap interval over test images."""
        found = self.test.difference
        mean, low, high = (100 * v for v in (found.estimate, found.low, found.high))
        text = f"{numbers.difference(mean, low, high)} points"
        return Quantity(text, mean, low, high, self.stale, self.runs)

    @property
    def verdict(self) -> Words:
        """`better`, `worse` or `not told apart`, of `first` against `second`."""
        said = "better" if self.test.difference.estimate > 0 else "worse"
        return Words(said if self.p < LEVEL else "not told apart", self.runs)

    def __repr__(self) -> str:
        return f"<{self.first.id} against {self.second.id}: {self}>"


def paired_tests(pairs: Sequence[tuple[VariantResults, VariantResults]]) -> list[Comparison]:
    """Test each pair; p-values are Holm-adjusted for all pairs of this call.

    Raises JournalError when two variants were tested on different images. The two may be of
    different experiments.
    """
    tests = []
    for first, second in pairs:
        if first.id == second.id:
            raise JournalError(f"{first.id} is compared with itself; name two variants")
        tests.append(paired_test(*answers((first, second))))
    adjusted = holm([test.p for test in tests])
    return [
        Comparison(
            numbers.p_value(p), p, first=first, second=second, test=test, together=len(pairs)
        ).of(first, second)
        for (first, second), test, p in zip(pairs, tests, adjusted, strict=True)
    ]


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
        ids = grouped((variant.name, variant.id) for variant in asked)
        self._key = {v.id: v.id if len(ids[v.name]) > 1 else v.name for v in asked}
        self._reference, self._asked = reference, asked
        super().__init__({self._key[one.first.id]: one for one in found})

    def __missing__(self, name: str) -> Comparison | Skipped:
        meant = [variant for variant in self._asked if name in (variant.id, variant.name)]
        if len(meant) > 1:
            ids = " or ".join(variant.id for variant in meant)
            raise JournalError(f"{name!r} is in two experiments; say {ids}")
        if not meant:
            left_out = [self._key[variant.id] for variant in self._asked if variant.is_skipped]
            there = ", ".join(self) + f"; skipped: {', '.join(left_out)}" * bool(left_out)
            raise JournalError(f"no comparison of {name!r}; there is: {there}")
        for one in (self._reference, *meant):
            if one.is_skipped:
                return skipped_value(one)
        return self[self._key[meant[0].need().id]]

    def _repr_markdown_(self) -> str:
        return self._table()._repr_markdown_()

    def __str__(self) -> str:
        return str(self._table())

    def _table(self) -> Markdown:
        every = [self._reference, *self._asked]
        if not self:
            which = "reference was" if self._reference.is_skipped else "variants were"
            said = f"No comparison: the {which} skipped."
            return noted("", [said, *skipped_and_stale(every, [])], ())
        shown = [one.first for one in self.values()]
        mark = marks([self._reference, *shown])
        rows = [
            [
                one.first.label + mark[one.first.id],
                one.difference.text.removesuffix(" points"),
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
            *without_results(self._asked),
            *skipped_and_stale(every, [self._reference, *shown]),
        ]
        table = pipe_table(head, rows, "lrrl")
        return noted(table, note, keys_of([self._reference, *shown]))
