"""The values of mistakes that stand in a chapter's sentences. Of a skipped subject: `skipped`.

Rates are means over the subject's seeds, intervals are over images (95%). Of a person's review only the
verdicts on the random sample of the first seed's mistakes count (`analysis.review_sample`): mistakes
that were picked by hand are no sample of all.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np

from cvlib.analysis.intervals import Interval, bootstrap_interval, wilson_interval
from cvlib.analysis.mistakes import agreement
from cvlib.journal import numbers
from cvlib.journal.errors import JournalError
from cvlib.journal.estimates import counted_share, measured, share_quantity
from cvlib.journal.handle import of_mistakes
from cvlib.journal.quantity import Quantity, Skipped
from cvlib.journal.results import skipped_value
from cvlib.journal.words import counted, listed

if TYPE_CHECKING:
    from cvlib.analysis.mistakes import ConfusedPair
    from cvlib.journal.mistake_cases import Cases, Mistakes
    from cvlib.journal.results import Name, VariantResults

_RESAMPLES = 500
_NOT_YET = "not reviewed yet"

_PLURAL = {
    "label-error": ("is a label error", "are label errors"),
    "ambiguous": ("is ambiguous", "are ambiguous"),
    "model-error": ("is the model’s own", "are the model’s own"),
}


def value_of_subject(compute: Callable[..., Quantity]) -> Callable[..., Quantity]:
    """The value that a function computes, as `mistakes_value` hands it out."""

    @wraps(compute)
    def value(found: Mistakes, *args: Any, **kwargs: Any) -> Quantity:
        return mistakes_value(found, lambda: compute(found, *args, **kwargs))

    return value


@of_mistakes
@value_of_subject
def error(found: Mistakes) -> Quantity:
    """`8.4% [7.9, 8.9]`: share of the test images that are wrong.

    Example: found.error()
    """
    mean, interval, *_ = measured([found.cases.subject.variant])
    if interval is None:
        return Quantity(f"{numbers.fixed(100 - mean, 1)}%", 100 - mean)
    ends = (100 - mean, 100 - interval.high, 100 - interval.low)
    return share_quantity(Interval(*(end / 100 for end in ends)))


@of_mistakes
@value_of_subject
def images(found: Mistakes) -> Quantity:
    """`10,000`: test images of the subject.

    Example: found.images()
    """
    return count_quantity(found, len(found.cases.subject.ids))


@of_mistakes
@value_of_subject
def confident(found: Mistakes, threshold: float = 0.9) -> Quantity:
    """`102 of 812 mistakes (12.6% [10.4, 15.0])`: wrong with at least this confidence.

    Of the softmax averaged over the seeds.

    Example: found.confident(0.95)
    """
    subject = found.cases.subject
    sure = int((subject.mistaken & (subject.confidence >= threshold)).sum())
    return counted_share(sure, int(subject.mistaken.sum()), "mistake")


@of_mistakes
@value_of_subject
def pair(found: Mistakes, place: int = 0) -> Quantity:
    """`Shirt as T-shirt`: the most confused pair, or the one at `place` after it.

    Example: found.pair()
    """
    names = found.short_names
    return _of_pair(
        found, place, lambda pair: Quantity(f"{names[pair.true]} as {names[pair.predicted]}")
    )


@of_mistakes
@value_of_subject
def pair_share(found: Mistakes, place: int = 0) -> Quantity:
    """`12.1% [10.2, 14.3]`: of the class's images, those taken for the other.

    Example: found.pair_share()
    """
    return _of_pair(found, place, lambda pair: share_quantity(pair.share))


@of_mistakes
@value_of_subject
def pair_images(found: Mistakes, place: int = 0) -> Quantity:
    """`121`: images of that pair, mean over seeds.

    Example: found.pair_images()
    """
    return _of_pair(found, place, lambda pair: count_quantity(found, pair.images))


@of_mistakes
@value_of_subject
def share_of_errors(found: Mistakes, pairs: int = 3, either_way: bool = False) -> Quantity:
    """`46% [42, 49]`: of all mistakes, those of the most confused pairs.

    either_way: pairs of two classes, each taken for the other.

    Example: found.share_of_errors(5, either_way=True)
    """
    if pairs < 1:
        raise JournalError(f"pairs {pairs!r}: expected at least 1")
    subject = found.cases.subject
    errors = round(float(subject.wrong.sum()) / len(subject.predicted))
    if not errors:
        return _no_mistakes(found)
    images: dict[tuple[int, int], float] = {}
    for pair in found.confused:
        ends = (pair.true, pair.predicted)
        key = (min(ends), max(ends)) if either_way else ends
        images[key] = images.get(key, 0.0) + pair.images
    of_pairs = round(sum(sorted(images.values())[-pairs:]))
    return share_quantity(wilson_interval(min(of_pairs, errors), errors))


@of_mistakes
def every_model_wrong(found: Mistakes) -> Quantity:
    """`37 of 2,000 images (1.9% [1.3, 2.5])`: all models wrong, seeds of each averaged.

    Example: found.every_model_wrong()
    """

    def count() -> Quantity:
        wrong = int((~found.cases.right.any(axis=0)).sum())
        return counted_share(wrong, len(found.cases.shared), "image")

    return mistakes_value(found, count, of=_all_models)


@of_mistakes
def only_right(found: Mistakes, variant: Name) -> Quantity:
    """`58 of 2,000 images (2.9% [2.2, 3.7])`: those that this model alone gets right.

    Example: found.only_right(exp02["last-two"])
    """

    def count() -> Quantity:
        place = found.cases.models.index(found.cases.model(variant))
        alone = found.cases.right[place] & (found.cases.right.sum(axis=0) == 1)
        return counted_share(int(alone.sum()), len(found.cases.shared), "image")

    return mistakes_value(found, count, variant, of=_all_models)


@of_mistakes
def consistency(found: Mistakes, first: Name, second: Name | None = None) -> Quantity:
    """`0.54 [0.49, 0.58]`: error consistency (Geirhos et al., NeurIPS 2020), Cohen's kappa.

    Mean over pairs of one seed of each; without a second variant over pairs of the first's
    seeds. 0: they err on common images as often as chance has it, 1: on the same images.

    Example: found.consistency(exp01["convs-2"])
    """

    def kappa() -> Quantity:
        one = found.cases.model(first)
        two = one if second is None else found.cases.model(second)
        ids = np.intersect1d(one.ids, two.ids)
        correct = ~np.concatenate([model.wrong[:, model.rows(ids)] for model in (one, two)])
        seeds = len(one.predicted)
        pairs = list(itertools.product(range(seeds), range(seeds, len(correct))))
        if one is two:
            correct, pairs = correct[:seeds], list(itertools.combinations(range(seeds), 2))
        if not pairs:
            reason = f"{one.variant.id} has one seed, so there is no other to compare it with"
            return Skipped("not known (one seed)", reason=reason)
        if len(ids) < 2:
            reason = "kappa needs two images or more"
            return Skipped("not known (one image in common)", reason=reason)

        def mean(rows: np.ndarray) -> float:
            of_pairs = agreement(rows.T).kappa
            return float(np.mean([of_pairs[pair] for pair in pairs]))

        k = bootstrap_interval(correct.T, mean, seed=0, resamples=_RESAMPLES)
        if not math.isfinite(k.low):
            reason = "a model that errs nowhere has no error consistency"
            return Skipped("undefined", reason=reason)
        text = numbers.difference(k.estimate, k.low, k.high, plus=False)
        return Quantity(text, k.estimate, k.low, k.high)

    names = [first] if second is None else [first, second]
    return mistakes_value(
        found, kappa, *names, of=lambda cases: [cases.model(name).variant for name in names]
    )


@of_mistakes
def label_errors(found: Mistakes) -> Quantity:
    """`41 of 10,000 images (0.41% [0.30, 0.56])`: labels that are probably wrong.

    By confident learning (Northcutt et al., JAIR 2021); the interval is that of the share
    of images it would name, not of those that are truly wrong: for that see `verdict_share`.

    Example: found.label_errors()
    """

    def count() -> Quantity:
        errors, images = len(found.label_errors_found.rows), len(found.cases.subject.ids)
        return counted_share(errors, images, "image")

    return mistakes_value(
        found, count, of=lambda cases: [model.variant for model in cases.complete]
    )


@of_mistakes
def reviewed(found: Mistakes) -> Quantity:
    """`of 60 reviewed mistakes, 14 are label errors, 20 are ambiguous and 26 are the …`.

    Example: found.reviewed()
    """

    def words(counts: Counter[str]) -> Quantity:
        said = [
            f"{counts[verdict]} {one if counts[verdict] == 1 else more}"
            for verdict, (one, more) in _PLURAL.items()
            if counts[verdict]
        ]
        total, drawn = counts.total(), len(found.sample)
        part = f" (a random sample of {drawn}, not all of it reviewed)" * (total < drawn)
        text = f"of {total} reviewed mistakes{part}, {listed(said) or 'none has a verdict'}"
        if beyond := len(found.verdicts) - total:
            text += f"; {beyond} more were picked by hand and are not counted"
        return Quantity(text, float(total))

    value = _of_review(found, words)
    if value.text == _NOT_YET:
        text = (
            f"nothing was reviewed yet (cvlib dashboard {found.cases.subject.variant.experiment} "
            f"shows the {counted(len(found.sample), 'mistake')} to review)"
        )
        return replace(value, text=text)
    return value


@of_mistakes
def verdict(found: Mistakes, which: str) -> Quantity:
    """`14`: reviewed mistakes of the sample that are label-error, ambiguous or model-error.

    Example: found.verdict("label-error")
    """
    _check(which)
    return _of_review(found, lambda counts: Quantity(f"{counts[which]}", float(counts[which])))


@of_mistakes
def verdict_share(found: Mistakes, which: str) -> Quantity:
    """`23% [14, 35]`: of the reviewed mistakes, with Wilson's interval.

    Example: found.verdict_share("label-error")
    """
    _check(which)
    return _of_review(
        found, lambda counts: share_quantity(wilson_interval(counts[which], counts.total()))
    )


@of_mistakes
def label_noise(found: Mistakes) -> Quantity:
    """`1.9% [1.2, 2.9]`: of the test images, those that count as mistakes for their label.

    Error rate of the first seed times the share of label errors in the sample of its mistakes:
    a model that is right on every one of them scores as much lower. The error rate is that of
    this test set and has no error of its own; the interval is the share's.

    Example: found.label_noise()
    """

    def bound(counts: Counter[str]) -> Quantity:
        error = float(found.cases.subject.wrong[0].mean())
        share = wilson_interval(counts["label-error"], counts.total())
        ends = (share.estimate, share.low, share.high)
        return share_quantity(Interval(*(error * end for end in ends)))

    return _of_review(found, bound)


def mistakes_value(
    found: Mistakes,
    compute: Callable[[], Quantity],
    *names: Name | None,
    of: Callable[[Cases], Iterable[VariantResults]] = lambda cases: [cases.subject.variant],
) -> Quantity:
    """A value; `skipped` or `left out` where the subject, or a variant asked for, was.

    of: the variants that it is computed from, by which it is marked.
    """
    wanted = {name if isinstance(name, str) else name.id for name in names if name is not None}
    for place, variant in enumerate(found.variants):
        if variant.is_skipped and (place == 0 or {variant.id, variant.name} & wanted):
            return skipped_value(variant)
    for variant in found.cases.apart:
        if {variant.id, variant.name} & wanted:
            reason = f"{variant.id} was tested on none of the images of {found.variants[0].id}"
            return Skipped("left out (no image in common)", reason=reason)
    return compute().of(*of(found.cases))


def _of_pair(found: Mistakes, place: int, words: Callable[[ConfusedPair], Quantity]) -> Quantity:
    if place < len(found.confused):
        return words(found.confused[place])
    reason = f"only {len(found.confused)} pairs of classes are confused, none at {place}"
    return Skipped("none", reason=reason) if found.confused else _no_mistakes(found)


def count_quantity(found: Mistakes, number: float) -> Quantity:
    """A count, of the mean over seeds or of images."""
    return Quantity(numbers.count_text(number), float(number))


def _no_mistakes(found: Mistakes) -> Skipped:
    label = found.cases.subject.variant.label
    return Skipped("none", reason=f"{label} makes no mistake, so this is no number")


def _all_models(cases: Cases) -> list[VariantResults]:
    return [model.variant for model in cases.models]


def _of_review(found: Mistakes, compute: Callable[[Counter[str]], Quantity]) -> Quantity:
    """A value of the verdicts on the random sample, counted; says so while there is none.

    Traced to the run whose mistakes were sampled, and to the file with the verdicts.
    """
    if found.is_skipped:
        return skipped_value(found.variants[0])
    subject, verdicts = found.cases.subject, found.verdicts
    if counts := Counter(verdicts[image] for image in verdicts if image in found.sample):
        return compute(counts).traced([subject.run.key], found.reviews_file, found.is_stale)
    if not subject.wrong[0].any():
        return Skipped("no mistakes to review", reason="the subject makes no mistake")
    how = f"`cvlib dashboard {subject.variant.experiment}`"
    return Skipped(
        _NOT_YET,
        reason=f"no verdict on the {len(found.sample)} mistakes that are to be reviewed; {how} "
        "shows them in its view `to review`, `--export-tags` keeps the verdicts",
    )


def _check(which: str) -> None:
    if which not in _PLURAL:
        raise JournalError(f"verdict {which!r}: expected one of {', '.join(_PLURAL)}")
