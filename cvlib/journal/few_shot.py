"""Accuracy of a linear probe against the number of training images of each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cvlib.journal.errors import JournalError
from cvlib.journal.figure import empty_figure, styled
from cvlib.journal.functions import of_experiment
from cvlib.journal.lines import Line, check_band, lines_figure
from cvlib.journal.notes import absence_note, marks, stale_note
from cvlib.journal.quantity import Skipped, keys_of
from cvlib.journal.results import of_one
from cvlib.journal.spread import of_values
from cvlib.journal.values import percent_quantity
from cvlib.journal.words import listed

if TYPE_CHECKING:
    from cvlib.journal.figure import ReportFigure
    from cvlib.journal.quantity import Quantity
    from cvlib.journal.results import Name, Results, VariantResults

ALL = "all"
Shots = int | str


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
    curves = {variant.id: _values(variant) for variant in found}
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
        lines.append(Line(variant.label + mark[variant.id], x, tuple(curve.values())))
    return lines_figure(
        lines,
        band,
        ticks=_apart(ticks),
        words=("training images a class (logarithmic)", "test accuracy (%)"),
        notes=(
            f"lines: means; bands: {'range' if band == 'range' else '95% interval'} over seeds and "
            "draws",
            f"{ALL}: refitted with the validation images, the rest on the shots alone, C chosen on "
            "as many",
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
    return of_one(results, variant, lambda one: _quantity(one, shots))


def _values(variant: VariantResults) -> dict[Shots, np.ndarray]:
    """Images a class, last `all` -> test accuracies in percent of every seed and draw; may be empty."""
    found: dict[int, list[float]] = {}
    for run in variant.runs.values():
        for row in run.tables.get("few_shot", []):
            found.setdefault(int(row["shots"]), []).append(100 * float(row["accuracy"]))
    curve: dict[Shots, np.ndarray] = {shots: np.array(found[shots]) for shots in sorted(found)}
    return curve | {ALL: 100 * variant.values("test_accuracy")} if curve else curve


def _left_out(variant: VariantResults) -> dict[int, str]:
    """Images a class that were asked for and cannot be had of every class -> why, in words."""
    curve = _values(variant)
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
        by_reason: dict[str, list[str]] = {}
        for shots, reason in _left_out(variant).items():
            by_reason.setdefault(reason, []).append(f"{shots:,}")
        words = [f"{listed(shots)} a class ({reason})" for reason, shots in by_reason.items()]
        if words:
            by_words.setdefault(", ".join(words), []).append(variant.label)
    said = [
        words + (f" of {listed(labels)}" if len(labels) < len(shown) else "")
        for words, labels in by_words.items()
    ]
    return f"left out: {', '.join(said)}" if said else ""


def _quantity(variant: VariantResults, shots: Shots) -> Quantity:
    curve = _values(variant.need())
    if shots in curve:
        return percent_quantity(variant, of_values(curve[shots]))
    left_out = _left_out(variant)
    if isinstance(shots, int) and shots in left_out:
        return Skipped(
            "left out (too few images a class)",
            reason=f"{variant.id} was not probed with {shots} images a class, so this is no "
            f"number: {left_out[shots]}.",
        )
    there = ", ".join(map(str, curve)) or "none; set train.shots"
    raise JournalError(
        f"{variant.id} was not probed with {shots} images a class; there is: {there}"
    )


def _images_a_class(variant: VariantResults, shots: Shots) -> float:
    """The place on the axis; of `all` the mean over classes of what its probe is fitted on."""
    if isinstance(shots, int):
        return float(shots)
    seed = next(iter(variant.runs))
    images = variant.value("train_images", seed) + variant.value("val_images", seed)
    return images / variant.tested(seed).classes


def _apart(ticks: Mapping[float, str]) -> dict[float, str]:
    """Ticks in order; what would touch the one before stands a line lower."""
    placed: dict[float, str] = {}
    before = 0.0
    for place in sorted(ticks):
        close = before > 0 and place / before < 1.3
        placed[place] = "\n" * close + ticks[place]
        before = 0.0 if close else place
    return placed
