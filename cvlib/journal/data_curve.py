"""Accuracy against the number of training images, a line a family of models, and what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cvlib.analysis import efficiency
from cvlib.journal import numbers
from cvlib.journal.errors import JournalError, MissingResults
from cvlib.journal.figure import empty_figure, styled
from cvlib.journal.functions import of_experiment
from cvlib.journal.lines import Line, check_band, lines_figure
from cvlib.journal.notes import absence_note, fixed_note, marks, stale_note
from cvlib.journal.quantity import Quantity, keys_of
from cvlib.journal.results import Name, VariantResults, of_one, skipped_value, told_apart
from cvlib.journal.spread import only_shares
from cvlib.journal.words import spec_value

if TYPE_CHECKING:
    from cvlib.journal.figure import ReportFigure
    from cvlib.journal.results import Results

Lines = str | Mapping[str, Sequence[Name]]
Family = tuple[str, list[VariantResults]]


@of_experiment
@styled
def data_curve(
    results: Results,
    *groups: Lines,
    x: str = "train_images",
    metric: str = "test_accuracy",
    band: str = "interval",
) -> ReportFigure:
    """Accuracy against training images, a line a family of models.

    groups: mappings label -> variants, or names of factors; none: every factor whose variants
    differ in dataset.subset. x: a metric, or a key of the spec such as dataset.subset.

    Example: exp03.data_curve({"CNN": ["cnn-500", "cnn-2000", "cnn-8000"]}, height=2.3)
    """
    check_band(band)
    only_shares(metric)
    families = _families(results, groups)
    chosen = told_apart([variant for _, members in families for variant in members])
    shown = results.shown(chosen)
    if not shown:
        return empty_figure(chosen)
    mark = marks(shown)
    lines = []
    for label, members in families:
        points = _points(members, x)
        if points:
            # one stale point makes the line stale
            label += max(mark[variant.id] for variant in points.values())
            values = tuple(100 * variant.values(metric) for variant in points.values())
            lines.append(Line(label, tuple(points), values))
    what = "range of the seeds" if band == "range" else "95% interval over seeds"
    several = any(len(variant.runs) > 1 for variant in shown)
    return lines_figure(
        lines,
        band,
        ticks=_ticks(sorted({count for line in lines for count in line.x})),
        words=("training images (logarithmic)", metric.replace("_", " ") + " (%)"),
        notes=(
            f"lines: means; bands: {what}" if several else "one seed each",
            fixed_note(shown),
            stale_note(shown),
            absence_note(chosen),
        ),
        runs=keys_of(shown),
    )


@of_experiment
def gain_per_doubling(results: Results, *members: Name) -> Quantity:
    """`+3.5 [3.1, 3.9] points`: test accuracy for each doubling of the training images.

    members: the same model with different numbers of training images.

    Example: exp03.gain_per_doubling("cnn-500", "cnn-2000", "cnn-8000")
    """
    variants = [results.variant(name) for name in members]
    if variants and all(variant.is_skipped for variant in variants):
        return skipped_value(variants[0])
    sizes, accuracies, _, stale = _family(variants)
    found = efficiency.slope(sizes, accuracies)
    text, low, high = numbers.signed(found.value, 2), None, None
    if found.interval is not None:
        low, high = found.interval.low, found.interval.high
        text = numbers.difference(found.value, low, high)
    return Quantity(f"{text} points", found.value, low, high, stale, keys_of(variants))


@of_experiment
def images_to_match(results: Results, rival: Name, *members: Name) -> Quantity:
    """`5,700`, `more than 28,800`: training images at which the family equals the rival.

    Read off its curve, straight between sizes over their logarithm.

    Example: exp03.images_to_match("vit-16000", "cnn-500", "cnn-2000", "cnn-8000")
    """
    variants = [results.variant(name) for name in members]
    return of_one(results, rival, lambda one: _to_match(variants, one)).traced(keys_of(variants))


def _families(results: Results, groups: Sequence[Lines]) -> list[Family]:
    """Label and variants of each line; all factors that vary the number when none is named."""
    families: list[Family] = []
    for group in groups:
        if isinstance(group, Mapping):
            families += [
                (label, [results.variant(name) for name in names]) for label, names in group.items()
            ]
            continue
        members = [v for v in results.variants if v.factor == group]
        if not members:
            factors = ", ".join(dict.fromkeys(v.factor for v in results.variants if v.factor))
            raise JournalError(
                f"{results.experiment.id} has no factor {group!r}; it has: {factors or 'none'}. "
                "Or give lines as {'label': ['variant', …]}"
            )
        families.append((group, members))
    if not groups:
        by_factor: dict[str, list[VariantResults]] = {}
        for variant in results.variants:
            by_factor.setdefault(variant.factor, []).append(variant)
        for factor, members in by_factor.items():
            sizes = [variant.variant.spec.dataset.subset for variant in members]
            if len(members) > 1 and len(set(sizes)) == len(sizes):
                families.append((factor or "base", members))
        if not families:
            raise JournalError(
                f"{results.experiment.id}: no factor's variants differ in dataset.subset; name "
                "lines: data_curve({'label': ['variant', …]})"
            )
    return families


def _points(members: Sequence[VariantResults], x: str) -> dict[float, VariantResults]:
    """Training images -> variant, fewest first, of those with results."""
    points: dict[float, VariantResults] = {}
    for variant in members:
        if not variant.runs:
            continue
        count = _images(variant, x)
        if count in points:
            raise JournalError(
                f"{variant.experiment}: {points[count].name!r} and {variant.name!r} are on one "
                f"line and both have {count:,.0f} training images; give each its own line"
            )
        points[count] = variant
    return dict(sorted(points.items()))


def _images(variant: VariantResults, x: str) -> float:
    """The place on the axis: a metric of the run, or a key of its spec."""
    if "." not in x:
        return variant.mean(x)
    found = spec_value(variant, x)
    if found is None and x == "dataset.subset":  # all that there are: val was cut from them
        return variant.mean("train_images") + variant.mean("val_images")
    if not isinstance(found, int | float):
        raise JournalError(f"{x} of {variant.id} is {found!r}; expected a number of images")
    return float(found)


def _ticks(counts: Sequence[float]) -> dict[float, str]:
    """A tick at each size that was trained on, left out where it would touch the one before."""
    kept: list[float] = []
    for count in counts:
        if not kept or count / kept[-1] > (counts[-1] / counts[0]) ** 0.08:
            kept.append(count)
    return {count: f"{count:,.0f}" for count in kept}


def _to_match(members: Sequence[VariantResults], rival: VariantResults) -> Quantity:
    sizes, accuracies, seeds, stale = _family(members)
    stale = stale or rival.is_stale
    missing = [seed for seed in seeds if seed not in rival.need().runs]
    if missing:
        raise MissingResults(
            f"{rival.id} has no result for seeds {missing}, which the family has; run it"
        )
    target = [100 * rival.value("test_accuracy", seed) for seed in seeds]
    found = efficiency.images_to_match(sizes, accuracies, target)
    if found is not None:
        over = found.interval
        low, high = (over.low, over.high) if over is not None else (None, None)
        # two digits: between measured sizes the curve is a guess
        rounded = float(f"{found.value:.1e}")
        return Quantity(f"{rounded:,.0f}", found.value, low, high, stale)
    if accuracies[:, 0].mean() > np.mean(target):
        return Quantity(f"fewer than {sizes[0]:,.0f}", stale=stale)
    return Quantity(f"more than {sizes[-1]:,.0f}", stale=stale)


def _family(
    members: Sequence[VariantResults],
) -> tuple[list[float], np.ndarray, list[int], bool]:
    """Sizes (M,), accuracies in percent (S, M), the seeds that all sizes have, and staleness."""
    points = _points(members, "train_images")
    if len(points) < 2:
        names = ", ".join(v.name for v in members)
        raise JournalError(f"{names}: expected results at two numbers of training images or more")
    variants = list(points.values())
    seeds = [s for s in variants[0].runs if all(s in v.runs for v in variants)]
    if not seeds:
        raise MissingResults(
            f"{', '.join(v.name for v in variants)} have no seed in common with results"
        )
    accuracies = np.array([[100 * v.value("test_accuracy", s) for v in variants] for s in seeds])
    return list(points), accuracies, seeds, any(v.is_stale for v in variants)
