"""Accuracy of a linear probe against the number of training images of each class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cvlib.analysis.intervals import t_interval
from cvlib.journal import numbers
from cvlib.journal.empty_figure import empty_figure
from cvlib.journal.errors import JournalError
from cvlib.journal.figure import ReportFigure, new_figure, styled
from cvlib.journal.lines import Line, check_band, draw_lines, height_for, limit_height, name_lines
from cvlib.journal.quantity import Quantity
from cvlib.journal.results import Results, VariantResults
from cvlib.journal.staleness import absence_note, marks, stale_note
from cvlib.journal.words import listed

ALL = "all"
Shots = int | str


@styled
def few_shot(
    results: Results, variants: Sequence[str | VariantResults] | None, band: str
) -> ReportFigure:
    """Draw a line a variant over 1, 5, 10, … images a class, all of them at the right."""
    check_band(band)
    chosen = results.chosen(variants)
    if variants is None:
        # of an experiment's variants, those that are probed
        chosen = [v for v in chosen if getattr(v.variant.spec.train, "shots", None)] or chosen
    found = results.shown(chosen)
    if not found:
        return empty_figure(chosen)
    shown = [variant for variant in found if few_shot_values(variant)]
    if not shown:
        raise JournalError(
            f"{results.experiment.id}: {listed([v.label for v in found])} have no few-shot curve; "
            "set train.shots of a linear probe, such as [1, 5, 10, 50]"
        )
    without = [variant.label for variant in found if variant not in shown]
    curves = {variant.name: few_shot_values(variant) for variant in shown}
    counts = sorted({s for curve in curves.values() for s in curve if isinstance(s, int)})
    right = _position_of_all(shown, counts)
    mark = marks(shown)
    lines = []
    for variant in shown:
        curve = curves[variant.name]
        shots: list[Shots] = [*(s for s in counts if s in curve), *([ALL] if ALL in curve else [])]
        x = tuple(float(s) if isinstance(s, int) else right for s in shots)
        lines.append(
            Line(variant.label + mark[variant.name], x, tuple(curve[shot] for shot in shots))
        )
    figure = new_figure(height_for(lines))
    axes = figure.subplots()
    draw_lines(axes, lines, band)
    ticks = {float(s): f"{s:,}" for s in counts}
    if any(ALL in curve for curve in curves.values()):
        ticks[float(right)] = ALL
    axes.set_xticks(list(ticks), list(ticks.values()))
    axes.set_xlabel("training images a class (logarithmic)")
    limit_height(axes, lines)
    what = "range" if band == "range" else "95% interval"
    figure.say(
        f"lines: means; bands: {what} over seeds and draws",
        f"without a few-shot curve: {listed(without)}" if without else "",
        stale_note(shown) if any(variant.is_stale for variant in shown) else "",
        absence_note(chosen),
    )
    figure.draw_without_rendering()
    name_lines(axes, lines)
    return figure


def few_shot_values(variant: VariantResults) -> dict[Shots, np.ndarray]:
    """Images a class, or `all` -> test accuracies in percent, of every seed and draw; may be empty."""
    rows = [row for run in variant.runs.values() for row in run.tables.get("few_shot", [])]
    found: dict[Shots, list[float]] = {}
    for row in rows:
        shots = row["shots"] if row["shots"] == ALL else int(row["shots"])
        found.setdefault(shots, []).append(100 * float(row["accuracy"]))
    if found and ALL not in found:
        found[ALL] = list(100 * variant.values("test_accuracy"))
    return {shots: np.array(values) for shots, values in found.items()}


def few_shot_quantity(variant: VariantResults, shots: Shots) -> Quantity:
    """`71.2 ± 1.4%`: mean and 95% t-interval over seeds and draws."""
    curve = few_shot_values(variant.need())
    if shots not in curve:
        there = ", ".join(map(str, curve)) or "none; set train.shots"
        raise JournalError(
            f"{variant.experiment}/{variant.name} was not probed with {shots} images a class; "
            f"there is: {there}"
        )
    values = curve[shots]
    mean = float(values.mean())
    if len(values) == 1 or np.ptp(values) == 0:
        return Quantity(f"{numbers.fixed(mean, 2)}%", mean, stale=variant.is_stale)
    interval = t_interval(values)
    text = f"{numbers.plus_minus(mean, interval.half_width)}%"
    return Quantity(text, mean, interval.low, interval.high, variant.is_stale)


def _position_of_all(shown: Sequence[VariantResults], counts: Sequence[int]) -> float:
    """Where `all` stands: at the mean number of images a class, else a step after the last."""
    last = max(counts, default=1)
    for variant in shown:
        for run in variant.runs.values():
            if "train_images" in run.metrics:
                classes = len(np.unique(run.predictions().labels))
                return max(run.metrics["train_images"] / classes, 1.6 * last)
    return 4.0 * last
