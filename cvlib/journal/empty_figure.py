"""What stands in a figure's place when all its variants were skipped: the reason."""

from __future__ import annotations

from collections.abc import Iterable

from cvlib.journal.figure import ReportFigure, new_figure
from cvlib.journal.skipped import skip_sentences
from cvlib.journal.variant_results import VariantResults


def empty_figure(variants: Iterable[VariantResults]) -> ReportFigure:
    """Words instead of panels: which variants would stand here, and why they do not."""
    first = "Nothing to show: every variant of this figure was skipped."
    text = " ".join([first, *skip_sentences(variants)])
    figure = new_figure(0.16 * (len(text) // 115 + 1) + 0.2)
    figure.say(text, runs=())
    return figure
