"""Which class is taken for which: a heat map, bars of the worst pairs where classes are many, and tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.patches import Rectangle

from cvlib.analysis.mistakes import class_scores, confusion_matrix
from cvlib.journal import numbers
from cvlib.journal.errors import JournalError
from cvlib.journal.figure import (
    INK,
    MUTED,
    VERMILLION,
    as_map,
    empty_figure,
    figure_of_words,
    ink_on,
    new_figure,
    styled,
)
from cvlib.journal.handle import of_mistakes
from cvlib.journal.notes import noted, rates_note, skipped_note, stale_note, subject_sentences
from cvlib.journal.quantity import pipe_table
from cvlib.journal.words import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from cvlib.analysis.intervals import Interval
    from cvlib.analysis.mistakes import ConfusedPair
    from cvlib.journal.figure import ReportFigure
    from cvlib.journal.mistake_cases import Mistakes
    from cvlib.journal.quantity import Markdown

MOST_CLASSES = 20
OUTLINED = 5
BARS = 12
_LEAST = 0.5  # percent; rarer is blank

# white to vermillion: in grey, darker is worse
COLORS = LinearSegmentedColormap.from_list("worse", ["#ffffff", "#fbe3d3", "#eda06f", VERMILLION])
_RIGHT = "#f0f0f0"
_LETTER = 0.065  # inches, of a class name
MOST_ROWS = 30


@of_mistakes
@styled
def confusion(found: Mistakes) -> ReportFigure:
    """Which class is taken for which, in percent of each true class; the worst pairs outlined.

    With more than 20 classes: the most confused pairs as bars.

    Example: found.confusion(height=3.2)
    """
    if found.is_skipped:
        return empty_figure(found.variants[:1])
    subject = found.cases.subject
    if not found.confused:
        return nothing_wrong(found)
    names = found.short_names
    if subject.classes > MOST_CLASSES:
        return _bars(found, names)
    matrix = confusion_matrix(subject.labels, subject.predicted, subject.classes)
    support = matrix.sum(axis=1, keepdims=True)
    percent = 100 * matrix / np.where(support > 0, support, 1)
    worst = found.confused[:OUTLINED]
    figure = new_figure(0.27 * subject.classes + 1.0)
    axes = figure.subplots()
    # points of the numbers that fit a cell
    room = 72 * (figure.get_figwidth() - _LETTER * max(map(len, names)) - 0.4) / subject.classes
    letters = float(np.clip(room / 2.3, 6.0, 8.0))
    top = max(pair.share.estimate for pair in found.confused) * 100
    for row in range(subject.classes):
        for column in range(subject.classes):
            _cell(axes, row, column, float(percent[row, column]), top, letters)
    for pair in worst:
        corner = (pair.predicted - 0.47, pair.true - 0.47)
        axes.add_patch(Rectangle(corner, 0.94, 0.94, fill=False, edgecolor=INK, lw=1.1))
    _frame(axes, names)
    outlined = f"{len(worst)} most confused pairs" if len(worst) > 1 else "most confused pair"
    empty = [names[row] for row in np.flatnonzero(support[:, 0] == 0)]
    figure.say(
        f"percent of each class’s images ({rates_note(found)}); below {_LEAST}% blank",
        f"outlined: the {outlined}",
        f"no test image of {', '.join(empty)}" if empty else "",
        stale_note([subject.variant]),
        runs=subject.variant.keys,
    )
    return figure


@of_mistakes
def pairs(found: Mistakes, count: int = 5) -> Markdown:
    """The most confused pairs of classes: images, and their share of the true class.

    Example: found.pairs(3)
    """
    if found.is_skipped:
        return skipped_note(found.variants[:1])
    if count < 1:
        raise JournalError(f"count {count!r}: expected at least 1 pair")
    names = found.class_names
    subject = found.cases.subject
    if not found.confused:
        sentences = [f"{rates_note(found)}: no mistake.", *subject_sentences(found)]
        return noted("", sentences, subject.variant.keys)
    errors = float(subject.wrong.sum()) / len(subject.predicted)
    rows = [
        [
            names[pair.true],
            names[pair.predicted],
            f"{numbers.count_text(pair.images)} of {pair.support:,}",
            numbers.share_text(pair.share),
            f"{100 * pair.images / errors:.0f}",
        ]
        for pair in found.confused[:count]
    ]
    head = ["Label", "Taken for", "Images", "Share of the class (%)", "Share of all errors (%)"]
    note = (
        f"{rates_note(found)}; in brackets: 95% Wilson interval over images; "
        f"{counted(len(found.confused), 'pair')} confused at all."
    )
    sentences = [note, *subject_sentences(found)]
    return noted(pipe_table(head, rows, "llrrr"), sentences, subject.variant.keys)


@of_mistakes
def classes(found: Mistakes) -> Markdown:
    """Precision, recall and F1 of each class, with their intervals.

    The lowest F1 comes first; of very many classes the worst 30 are shown.

    Example: found.classes()
    """
    if found.is_skipped:
        return skipped_note(found.variants[:1])
    subject, names = found.cases.subject, found.class_names
    scores = class_scores(subject.labels, subject.predicted, subject.classes)
    order = sorted(range(len(scores)), key=lambda n: np.nan_to_num(scores[n].f1.estimate, nan=2.0))
    rows = [
        [
            names[index],
            f"{scores[index].support:,}",
            *map(_score, (scores[index].precision, scores[index].recall, scores[index].f1)),
        ]
        for index in order[:MOST_ROWS]
    ]
    head = ["Class", "Images", "Precision (%)", "Recall (%)", "F1 (%)"]
    note = f"{rates_note(found)}; in brackets: 95% interval over images."
    if len(order) > MOST_ROWS:
        note += f" The {MOST_ROWS} of {len(order)} classes with the lowest F1."
    sentences = [note, *subject_sentences(found)]
    return noted(pipe_table(head, rows, "lrrrr"), sentences, subject.variant.keys)


def nothing_wrong(found: Mistakes) -> ReportFigure:
    """Words instead of pictures: there is no mistake of the kind."""
    subject = found.cases.subject
    mistakes = int(subject.mistaken.sum())
    text = f"Nothing to show: {subject.variant.label} "
    if mistakes:
        text += f"makes {counted(mistakes, 'mistake')}, none of these kinds."
    else:
        text += f"is right on all of {counted(len(subject.ids), 'test image')}."
    return figure_of_words(text, subject.variant.keys)


def _cell(axes: Axes, row: int, column: int, percent: float, top: float, letters: float) -> None:
    right = row == column
    face = to_rgb(_RIGHT) if right else COLORS((percent / top) ** 0.7)
    box = Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=face, edgecolor="white", lw=0.6)
    axes.add_patch(box)
    if percent < _LEAST:
        return
    text = f"{percent:.1f}" if percent < 9.95 and not right else f"{percent:.0f}"
    ink = MUTED if right else ink_on(face)
    axes.text(column, row, text, ha="center", va="center", fontsize=letters, color=ink)


def _frame(axes: Axes, names: Sequence[str]) -> None:
    as_map(axes, len(names), len(names))
    width = axes.figure.get_figwidth()  # type: ignore[union-attr]
    if max(map(len, names)) * _LETTER * len(names) < 0.8 * width:
        axes.set_xticks(range(len(names)), names)
    else:
        axes.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("taken for")
    axes.set_ylabel("label")
    axes.tick_params(pad=2)


def _bars(found: Mistakes, names: Sequence[str]) -> ReportFigure:
    """The pairs with the most images, their share of the true class with its interval."""
    worst: list[ConfusedPair] = found.confused[:BARS]
    figure = new_figure(0.19 * len(worst) + 0.75)
    axes = figure.subplots()
    shares = 100 * np.array([pair.share.estimate for pair in worst])
    low, high = (100 * np.array([getattr(p.share, end) for p in worst]) for end in ("low", "high"))
    places = np.arange(len(worst))
    axes.barh(places, shares, height=0.66, color="#eda06f", zorder=2)
    axes.errorbar(
        shares, places, xerr=(shares - low, high - shares), fmt="none", ecolor=INK, lw=0.9
    )
    labels = [f"{names[pair.true]} as {names[pair.predicted]}" for pair in worst]
    axes.set_yticks(places, labels)
    axes.set_ylim(len(worst) - 0.4, -0.6)
    axes.set_xlim(0, min(100, 1.12 * high.max()))
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("percent of the first class’s images")
    for place, pair, end in zip(places, worst, high, strict=True):
        text = f"{numbers.count_text(pair.images)} of {pair.support:,}"
        axes.annotate(
            text, (end, place), xytext=(4, 0), textcoords="offset points", va="center", fontsize=7.5,
            color=MUTED, annotation_clip=False,
        )  # fmt: skip
    figure.say(
        f"the {len(worst)} of {len(found.confused):,} confused pairs with the most images "
        f"({rates_note(found)}); lines: 95% Wilson intervals over images",
        stale_note([found.cases.subject.variant]),
        runs=found.cases.subject.variant.keys,
    )
    return figure


def _score(score: Interval) -> str:
    return numbers.NO_VALUE if math.isnan(score.estimate) else numbers.share_text(score)
