"""A mean or a difference with its interval over seeds and test images, and comparisons of variants.

What is estimated, and how, stands in `analysis.estimate`. Here it is asked for: which runs, which
images, and the words. A linear probe of fixed pretrained features has no random part: every seed
gives the same result, so its interval is over images alone. With one seed of everything nothing is
known of other seeds, and a value stands without an interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from cvlib.analysis.estimate import (
    FIXED,
    LEVEL,
    Estimate,
    Part,
    estimate,
    seed_variances,
    share_variance,
)
from cvlib.analysis.intervals import Interval, wilson_interval
from cvlib.analysis.verdicts import holm
from cvlib.journal import numbers
from cvlib.journal.errors import JournalError
from cvlib.journal.handle import of_experiment, results_of
from cvlib.journal.notes import marks, noted, skipped_and_stale, without_results
from cvlib.journal.quantity import Quantity, Words, keys_of, pipe_table
from cvlib.journal.results import skipped_value, value_of
from cvlib.journal.words import counted, grouped, listed, ranged

if TYPE_CHECKING:
    from cvlib.analysis.estimate import SeedVariance
    from cvlib.journal.quantity import Markdown, Skipped
    from cvlib.journal.results import Name, Results, Tested, VariantResults


SIGNS = (1.0, -1.0, -1.0, 1.0)  # of variants in a difference, or a difference of differences
NO_P = "no p-value of one seed"
_NORMAL = NormalDist().inv_cdf(1 - LEVEL / 2)
BOTH, IMAGES, SEEDS = "seeds and images", "images", "seeds"


@of_experiment
def difference(
    results: Results,
    first: Name,
    second: Name = "base",
    metric: str = "test_accuracy",
    plus: bool = True,
) -> Quantity:
    """`+0.8 [0.3, 1.4] points`: first minus second, with its interval over seeds and test images.

    plus=False leaves the plus out, for sentences such as "loses 0.8 points".

    Example: exp01.difference("depth-4")
    """

    def points(one: VariantResults, other: VariantResults) -> Quantity:
        only_shares(metric)
        return difference_quantity(measured([one, other], metric), "points", plus)

    return value_of(results, [first, second], points)


@of_experiment
def compare(results: Results, first: Name, second: Name = "base") -> Comparison | Skipped:
    """`p = 0.003`: of no difference, with other seeds and test images; `.verdict`, `.difference`.

    Example: exp01.compare("depth-4").verdict
    """
    return value_of(results, [first, second], lambda *pair: compared([pair])[0])


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
    return Comparisons(base, others, compared(pairs))


class Measured(NamedTuple):
    """A mean or a difference with its interval; `interval` is None where nothing is known of others.

    over: what the interval is over: `seeds and images`, `images`, `seeds` or ''; images: how many
    both were tested on, where the test sets differ.
    """

    mean: float
    interval: Interval | None
    over: str = ""
    estimate: Estimate | None = None
    images: int | None = None


def measured(
    variants: Sequence[VariantResults],
    metric: str = "test_accuracy",
    weights: Sequence[float] | None = None,
) -> Measured:
    """A metric of one variant, or a weighted sum of several; accuracies in percent and points.

    weights: None for a mean, first - second, or first - second - (third - fourth). Accuracies on
    test images are compared image by image, on those that all were tested on.
    """
    weights = SIGNS if weights is None else weights
    spreads = [_spread(variant, metric) for variant in variants]
    outcomes, images = None, None
    values = [variant.values(metric) for variant in variants]
    if metric == "test_accuracy":
        outcomes, images = answers(variants)
        if images is not None and len(variants) > 1:  # other images than the metric is of
            values = [right.mean(axis=1) for right in outcomes]
        elif images is not None:  # each seed on its own
            outcomes = images = None
    parts = [
        Part(weight, one, spread or FIXED, _image_variance(variant, metric, float(one.mean())))
        for weight, one, spread, variant in zip(weights, values, spreads, variants, strict=False)
    ]
    found = estimate(parts, outcomes).times(100 if is_share(metric) else 1)
    if None in spreads:
        return Measured(found.value, None, images=images)
    return _known(found, images)


def _known(found: Estimate, images: int | None = None) -> Measured:
    """With the interval, and what it is over; none of what does not vary."""
    if found.variance == 0:
        return Measured(found.value, None, images=images)
    over = BOTH if found.seeds and found.images else SEEDS if found.seeds else IMAGES
    return Measured(found.value, found.interval(), over, found, images)


def of_values(values: np.ndarray, images: float | None = None) -> Measured:
    """Mean of (n,) values, of seeds and draws of one variant alone; none of one value.

    images: how many test images each is a share of, in percent; None where it is no share.
    """
    spread = seed_variances([values])[0]
    if spread is None:
        return Measured(float(values.mean()), None)
    share = float(values.mean()) / 100
    over_images = 0.0 if images is None else 1e4 * share_variance(share, images)
    return _known(estimate([Part(1.0, values, spread, over_images)]))


def log_ratio(first: VariantResults, second: VariantResults, metric: str) -> Estimate | None:
    """Logarithm of the ratio of two means, over seeds; None where nothing is known of other seeds.

    Variances are those of the logarithms, so that the interval of a/b is that of b/a turned round.
    """
    spreads = [_spread(variant, metric, of_logs=True) for variant in (first, second)]
    if None in spreads:
        return None
    parts = [
        Part(sign, np.full(len(one.runs), np.log(one.mean(metric))), spread or FIXED)
        for sign, one, spread in zip(SIGNS, (first, second), spreads, strict=False)
    ]
    return estimate(parts)


def _spread(variant: VariantResults, metric: str, of_logs: bool = False) -> SeedVariance | None:
    """Variance over seeds, moderated by the experiment's other variants; None where none is known."""

    def all_variants() -> dict[str, SeedVariance | None]:
        varied = {}
        for one in results_of(variant.project, variant.experiment).variants:
            if one.runs and one.has(metric) and not is_fixed(one, metric):
                varied[one.name] = np.log(one.values(metric)) if of_logs else one.values(metric)
        return dict(zip(varied, seed_variances(list(varied.values())), strict=True))

    if is_fixed(variant.need(), metric):
        return FIXED
    key = ("statuses", variant.experiment, "seed variances", metric, f"{of_logs}")
    return variant.project.once(key, all_variants).get(variant.name)


def is_fixed(variant: VariantResults, metric: str) -> bool:
    """Whether no seed can change it; times differ even where nothing is random."""
    return bool(variant.is_deterministic and np.ptp(variant.values(metric)) == 0)


def _image_variance(variant: VariantResults, metric: str, share: float) -> float:
    """Of a mean over other images, where no outcomes are kept: the run's own, or a share's largest."""
    if variant.has(f"{metric}_half_width"):
        return (variant.mean(f"{metric}_half_width") / _NORMAL) ** 2
    if not is_share(metric):
        return 0.0
    if metric.startswith("val_"):
        return share_variance(share, variant.mean("val_images"))
    return share_variance(share, len(variant.tested(next(iter(variant.runs))).labels))


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


def difference_quantity(found: Measured, unit: str = "", plus: bool = True) -> Quantity:
    """`+0.8 [0.3, 1.4] points`, and what its interval is over where that is not seeds and images."""
    unit = f" {unit}" if unit else ""
    remark = f" (on {found.images:,} common images)" if found.images is not None else ""
    if found.interval is None:
        text = numbers.signed(found.mean, 1) if plus else numbers.fixed(found.mean, 1)
        return Quantity(f"{text}{unit}{remark}", found.mean)
    low, high = found.interval.low, found.interval.high
    text = numbers.difference(found.mean, low, high, plus=plus)
    if found.over == IMAGES:
        remark = " (interval over images)" + remark
    return Quantity(f"{text}{unit}{remark}", found.mean, low, high)


def answers(variants: Sequence[VariantResults]) -> tuple[list[np.ndarray], int | None]:
    """Whether each seed is right, (S, N) bool of each variant, on the images that all were tested on.

    Also how many these are, where not all were tested on the same; None where they were. Raises
    JournalError where they have no test image in common, or other labels for it.
    """
    every = [[variant.tested(seed) for seed in variant.need().runs] for variant in variants]
    tested = [one for seeds in every for one in seeds]
    common = reduce(np.intersect1d, (one.ids for one in tested))
    labels = _on(tested[0], common, "labels")
    # the ids of two datasets may well be alike
    datasets = {variant.variant.spec.dataset.name for variant in variants}
    same = all(np.array_equal(labels, _on(one, common, "labels")) for one in tested)
    if len(datasets) > 1 or not len(common) or not same:
        names = listed([variant.id for variant in variants])
        raise JournalError(f"{names} were not tested on the same images, so nothing compares them")
    right = [np.array([_on(one, common, "correct") for one in seeds]) for seeds in every]
    return right, None if all(len(one.ids) == len(common) for one in tested) else len(common)


def _on(tested: Tested, ids: np.ndarray, what: str) -> np.ndarray:
    order = np.argsort(tested.ids)
    found: np.ndarray = getattr(tested, what)[order[np.searchsorted(tested.ids[order], ids)]]
    return found


@dataclass(frozen=True, repr=False, kw_only=True)
class Comparison(Quantity):
    """Is `first` better than `second`? Shown as its p-value: `p = 0.003`.

    Its value, p, is two-sided, of no difference with other seeds and test images; Holm-adjusted when
    `together` comparisons were asked for at once. With one seed of everything there is none.
    """

    first: VariantResults
    second: VariantResults
    found: Measured
    together: int

    @property
    def p(self) -> float:
        """The p-value."""
        return float(self)

    @property
    def difference(self) -> Quantity:
        """In points, with its 95% interval."""
        said = difference_quantity(self.found, "points")
        return said.traced(self.runs, stale=self.stale)

    @property
    def verdict(self) -> Words:
        """`better`, `worse` or `not told apart`, of `first` against `second`; `one seed` without p."""
        if self.value is None:
            return Words("one seed", self.runs)
        said = "better" if self.found.mean > 0 else "worse"
        return Words(said if self.value < LEVEL else "not told apart", self.runs)

    def __repr__(self) -> str:
        return f"<{self.first.id} against {self.second.id}: {self}>"


def compared(pairs: Sequence[tuple[VariantResults, VariantResults]]) -> list[Comparison]:
    """Compare each pair by test accuracy; p-values are Holm-adjusted for all pairs of this call.

    Raises JournalError when two variants have no test image in common. The two may be of different
    experiments.
    """
    found = []
    for first, second in pairs:
        if first.id == second.id:
            raise JournalError(f"{first.id} is compared with itself; name two variants")
        found.append(measured((first, second)))
    adjusted = iter(holm([one.estimate.p() for one in found if one.estimate is not None]))
    p_values = [None if one.estimate is None else next(adjusted) for one in found]
    return [
        Comparison(
            NO_P if p is None else numbers.p_value(p),
            p,
            first=first,
            second=second,
            found=one,
            together=len(pairs),
        ).of(first, second)
        for (first, second), one, p in zip(pairs, found, p_values, strict=True)
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
                difference_quantity(one.found).text,
                p_cell(one.value),
                one.verdict,
            ]
            for one in self.values()
        ]
        head = ["Variant", f"Difference to {self._reference.label} (points)", "p", "Verdict"]
        seeds = ranged(
            [len(v.runs) for one in self.values() for v in (one.first, one.second)], "seed"
        )
        together = counted(next(iter(self.values())).together, "comparison")
        note = [
            f"Difference with its 95% interval over seeds and test images; {seeds} a variant; p from "
            f"the same model, adjusted for {together} (Holm).",
            *without_results(self._asked),
            *skipped_and_stale(every, [self._reference, *shown]),
        ]
        table = pipe_table(head, rows, "lrrl")
        return noted(table, note, keys_of([self._reference, *shown]))


def p_cell(p: float | None) -> str:
    """A p-value in a table's cell: `0.003`, `< 0.001`."""
    return numbers.NO_VALUE if p is None else numbers.p_value(p)[2:].removeprefix("= ")
