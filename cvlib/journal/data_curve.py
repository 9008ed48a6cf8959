"""Accuracy against training images: of families of models, and of probes by images a class."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cvlib.analysis import efficiency
from cvlib.journal.errors import JournalError
from cvlib.journal.estimates import difference_quantity, measured, of_values, only_shares
from cvlib.journal.figure import empty_figure, styled
from cvlib.journal.handle import of_experiment
from cvlib.journal.lines import CurveLine, band_ends, check_band, lines_figure
from cvlib.journal.notes import absence_note, fixed_note, marks, stale_note
from cvlib.journal.quantity import Quantity, Skipped, keys_of
from cvlib.journal.results import Name, VariantResults, skipped_value, told_apart, value_of
from cvlib.journal.values import percent_quantity
from cvlib.journal.words import grouped, listed

if TYPE_CHECKING:
    from cvlib.journal.estimates import Measured
    from cvlib.journal.figure import ReportFigure
    from cvlib.journal.results import Results

Lines = str | Mapping[str, Sequence[Name]]
ALL = "all"
_BANDS = {
    "range": "range over seeds and draws",
    "interval": "95% interval over seeds, draws and images",
}
Shots = int | str


@of_experiment
@styled
def data_curve(
    results: Results,
    *groups: Lines,
    metric: str = "test_accuracy",
    band: str = "interval",
) -> ReportFigure:
    """Accuracy against training images, a line a family of models.

    groups: mappings label -> variants, or names of factors; none: every factor whose variants
    differ in dataset.subset.

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
        points = _points(members)
        if points:
            # one stale point makes the line stale
            label += max(mark[variant.id] for variant in points.values())
            found = [measured([variant], metric) for variant in points.values()]
            values = (100 * variant.values(metric) for variant in points.values())
            ends = tuple(band_ends(*pair, band) for pair in zip(values, found, strict=True))
            means = tuple(one.mean for one in found)
            lines.append(CurveLine(label, tuple(points), means, ends))
    counts = sorted({count for line in lines for count in line.x})
    ticks: dict[float, str] = {}  # at each size, left out where it would touch the one before
    for count in counts:
        if not ticks or count / max(ticks) > (counts[-1] / counts[0]) ** 0.08:
            ticks[count] = f"{count:,.0f}"
    what = "range of the seeds" if band == "range" else "95% interval over seeds and test images"
    several = any(len(variant.runs) > 1 for variant in shown)
    return lines_figure(
        lines,
        ticks=ticks,
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
    family = _family(variants)
    found = measured(list(family.values()), weights=efficiency.slope_weights(list(family)).tolist())
    return difference_quantity(found, "points").of(*family.values())


@of_experiment
def images_to_match(results: Results, rival: Name, *members: Name) -> Quantity:
    """`5,700`, `more than 28,800`: training images at which the family equals the rival.

    Read off its curve, straight between sizes over their logarithm.

    Example: exp03.images_to_match("vit-16000", "cnn-500", "cnn-2000", "cnn-8000")
    """
    variants = [results.variant(name) for name in members]

    def count(one: VariantResults) -> Quantity:
        family = _family(variants)
        sizes, members = list(family), [*family.values()]
        accuracies, target = [measured([m]).mean for m in members], measured([one]).mean
        found = efficiency.images_to_match(sizes, accuracies, target)
        if found is None:
            said = "fewer" if accuracies[0] > target else "more"
            end = sizes[0] if accuracies[0] > target else sizes[-1]
            return Quantity(f"{said} than {end:,.0f}").of(*members)

        def is_apart(size: float) -> bool:
            weights = [*efficiency.weights_at(sizes, size), -1.0]
            lead = measured([*members, one], weights=weights).interval
            return lead is not None and (lead.low > 0 or lead.high < 0)

        low, high = (_edge(is_apart, found, end) for end in (sizes[0], sizes[-1]))
        # two digits: between measured sizes the curve is a guess
        return Quantity(f"{float(f'{found:.1e}'):,.0f}", found, low, high).of(*members)

    return value_of(results, [rival], count)


def _edge(is_apart: Callable[[float], bool], inside: float, outside: float) -> float | None:
    """Where between two sizes the family is told apart from its rival; None where it is not."""
    if not is_apart(outside):
        return None
    for _ in range(12):  # halves of the logarithm: a thousandth of it
        middle = math.sqrt(inside * outside)
        inside, outside = (inside, middle) if is_apart(middle) else (middle, outside)
    return outside


@of_experiment
@styled
def few_shot(results: Results, *variants: Name, band: str = "range") -> ReportFigure:
    """Accuracy against training images a class, all of them at the right; band over seeds and draws.

    Example: exp04.few_shot("lite0-160", "lite0", "lite0-48", height=2.3)
    """
    check_band(band)
    chosen = results.chosen(variants or None)
    if not variants:
        # of an experiment's variants, those that are probed
        chosen = [v for v in chosen if getattr(v.variant.spec.train, "shots", None)] or chosen
    found = results.shown(chosen)
    if not found:
        return empty_figure(chosen)
    curves = {variant.id: _shot_values(variant) for variant in found}
    shown = [variant for variant in found if curves[variant.id]]
    if not shown:
        raise JournalError(
            f"{results.experiment.id}: {listed([v.label for v in found])} have no few-shot curve; "
            "set train.shots of a linear probe, such as [1, 5, 10, 50]"
        )
    without = [variant.label for variant in found if not curves[variant.id]]
    mark = marks(shown)
    ticks: dict[float, str] = {}
    lines = []
    for variant in shown:
        curve = curves[variant.id]
        x = tuple(_images_a_class(variant, shots) for shots in curve)
        ticks |= {place: f"{s:,}" for place, s in zip(x, curve, strict=True) if isinstance(s, int)}
        ticks.setdefault(x[-1], ALL)
        ends = tuple(band_ends(one, _of_shots(variant, one), band) for one in curve.values())
        means = tuple(float(one.mean()) for one in curve.values())
        lines.append(CurveLine(variant.label + mark[variant.id], x, means, ends))
    placed: dict[float, str] = {}
    before = 0.0
    for place in sorted(ticks):  # what would touch the one before stands a line lower
        close = before > 0 and place / before < 1.3
        placed[place] = "\n" * close + ticks[place]
        before = 0.0 if close else place
    return lines_figure(
        lines,
        ticks=placed,
        words=("training images a class (logarithmic)", "test accuracy (%)"),
        notes=(
            f"lines: means; bands: {_BANDS[band]}",
            f"{ALL}: the probe itself, the rest on the shots alone, C chosen on as many",
            _left_out_note(shown),
            f"without a few-shot curve: {listed(without)}" if without else "",
            stale_note(shown),
            absence_note(chosen),
        ),
        runs=keys_of(shown),
    )


@of_experiment
def few_shot_accuracy(results: Results, variant: Name, shots: Shots) -> Quantity:
    """`71.2 ± 1.4%`: of a probe with so many training images a class, over seeds and draws.

    `left out (too few images a class)` where the data could not fill them.

    Example: exp04.few_shot_accuracy("lite0", 5)
    """

    def mean(one: VariantResults) -> Quantity:
        curve = _shot_values(one.need())
        if shots in curve:
            return percent_quantity(one, _of_shots(one, curve[shots]))
        left_out = _left_out(one)
        if isinstance(shots, int) and shots in left_out:
            return Skipped(
                "left out (too few images a class)",
                reason=f"{one.id} was not probed with {shots} images a class, so this is no "
                f"number: {left_out[shots]}.",
            )
        there = ", ".join(map(str, curve)) or "none; set train.shots"
        raise JournalError(
            f"{one.id} was not probed with {shots} images a class; there is: {there}"
        )

    return value_of(results, [variant], mean)


def _families(results: Results, groups: Sequence[Lines]) -> list[tuple[str, list[VariantResults]]]:
    """Label and variants of each line; all factors that vary the number when none is named."""
    by_factor: dict[str, list[VariantResults]] = {}
    for variant in results.variants:
        by_factor.setdefault(variant.factor, []).append(variant)
    families: list[tuple[str, list[VariantResults]]] = []
    for group in groups:
        if isinstance(group, Mapping):
            families += [(label, [results.variant(one) for one in group[label]]) for label in group]
        elif group in by_factor:
            families.append((group, by_factor[group]))
        else:
            raise JournalError(
                f"{results.experiment.id} has no factor {group!r}; it has: "
                f"{', '.join(filter(None, by_factor)) or 'none'}. "
                "Or give lines as {'label': ['variant', …]}"
            )
    if groups:
        return families
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


def _points(members: Sequence[VariantResults]) -> dict[float, VariantResults]:
    """Training images -> variant, fewest first, of those with results."""
    points: dict[float, VariantResults] = {}
    for variant in members:
        if not variant.runs:
            continue
        count = variant.mean("train_images")
        if count in points:
            raise JournalError(
                f"{variant.experiment}: {points[count].name!r} and {variant.name!r} are on one "
                f"line and both have {count:,.0f} training images; give each its own line"
            )
        points[count] = variant
    return dict(sorted(points.items()))


def _family(members: Sequence[VariantResults]) -> dict[float, VariantResults]:
    """Training images -> variant, of at least two numbers."""
    points = _points(members)
    if len(points) < 2:
        names = ", ".join(v.name for v in members)
        raise JournalError(f"{names}: expected results at two numbers of training images or more")
    return points


def _shot_values(variant: VariantResults) -> dict[Shots, np.ndarray]:
    """Images a class, last `all` -> test accuracies in percent of every seed and draw; may be empty."""
    found: dict[int, list[float]] = {}
    for run in variant.runs.values():
        for row in run.tables.get("few_shot", []):
            found.setdefault(int(row["shots"]), []).append(100 * float(row["accuracy"]))
    curve: dict[Shots, np.ndarray] = {shots: np.array(found[shots]) for shots in sorted(found)}
    return curve | {ALL: 100 * variant.values("test_accuracy")} if curve else curve


def _of_shots(variant: VariantResults, values: np.ndarray) -> Measured:
    """Accuracies (n,) in percent of one number of images a class, with their mean's interval."""
    return of_values(values, len(variant.tested(next(iter(variant.runs))).labels))


def _left_out(variant: VariantResults) -> dict[int, str]:
    """Images a class that were asked for and cannot be had of every class -> why, in words."""
    curve = _shot_values(variant)
    asked = [s for s in getattr(variant.variant.spec.train, "shots", None) or () if s not in curve]
    kept = {
        int(row["shots"]): str(row["reason"])
        for run in variant.runs.values()
        for row in run.tables.get("few_shot_left_out", [])
    }
    return {shots: kept.get(shots, "too few training images") for shots in asked}


def _left_out_note(shown: Sequence[VariantResults]) -> str:
    """One line for a figure: `left out: 50 a class (class 3 has 31 training images)`."""
    by_words: dict[str, list[str]] = {}
    for variant in shown:
        by_reason = grouped((reason, f"{n:,}") for n, reason in _left_out(variant).items())
        words = [f"{listed(shots)} a class ({reason})" for reason, shots in by_reason.items()]
        if words:
            by_words.setdefault(", ".join(words), []).append(variant.label)
    said = [
        words + (f" of {listed(labels)}" if len(labels) < len(shown) else "")
        for words, labels in by_words.items()
    ]
    return f"left out: {', '.join(said)}" if said else ""


def _images_a_class(variant: VariantResults, shots: Shots) -> float:
    """The place on the axis; of `all` the mean over classes of what its probe is fitted on."""
    if isinstance(shots, int):
        return float(shots)
    seed = next(iter(variant.runs))
    if "fitted_images" in variant.runs[seed].metrics:
        images = variant.value("fitted_images", seed)
    else:  # an earlier cvlib fitted on both
        images = variant.value("train_images", seed) + variant.value("val_images", seed)
    return images / variant.tested(seed).classes
