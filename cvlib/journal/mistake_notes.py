"""What is said below tables and figures of mistakes, and in their place where there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cvlib.journal.figure import ReportFigure, new_figure
from cvlib.journal.staleness import absence_note
from cvlib.journal.table_note import skipped_and_stale, without_results
from cvlib.journal.words import counted, listed

if TYPE_CHECKING:
    from cvlib.journal.mistakes import Mistakes


def rates_note(found: Mistakes) -> str:
    """`2 convolutions a block, 10,000 test images, mean over 3 seeds`."""
    subject = found.cases.subject
    seeds = len(subject.predicted)
    images = counted(len(subject.ids), "test image")
    over = f"mean over {seeds} seeds" if seeds > 1 else "one seed"
    return f"{subject.variant.label}, {images}, {over}"


def left_out_note(found: Mistakes) -> str:
    """Which variants are not shown, and why; '' when all are."""
    apart = listed([variant.label for variant in found.cases.apart])
    why = f"tested on other images: {apart}" if apart else ""
    return "; ".join(note for note in (absence_note(found.cases.absent), why) if note)


def table_sentences(found: Mistakes, others: bool = False) -> list[str]:
    """Sentences on what is missing, skipped or stale. others: whether other models count, too."""
    rows = list(found.variants if others else found.variants[:1])
    shown = [
        model.variant for model in found.cases.models if others or model is found.cases.subject
    ]
    return without_results(rows) + skipped_and_stale(rows, shown)


def nothing_wrong(found: Mistakes) -> ReportFigure:
    """Words instead of pictures: there is no mistake of the kind."""
    subject = found.cases.subject
    mistakes = int(subject.mistaken.sum())
    text = f"Nothing to show: {subject.variant.label} "
    if mistakes:
        text += f"makes {counted(mistakes, 'mistake')}, none of these kinds."
    else:
        text += f"is right on all of {counted(len(subject.ids), 'test image')}."
    figure = new_figure(0.16 * (len(text) // 115 + 1) + 0.2)
    figure.say(text, runs=subject.variant.keys)
    return figure
