"""What stands in a figure's place when all its variants were skipped: the reason."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from cvlib.journal.figure import ReportFigure, new_figure
from cvlib.journal.results import VariantResults
from cvlib.journal.skipped import by_reason
from cvlib.journal.style import MUTED
from cvlib.journal.words import listed

LINE = 128  # letters


def empty_figure(variants: Iterable[VariantResults]) -> ReportFigure:
    """Words instead of panels: which variants would stand here, and why they do not."""
    lines = ["Nothing to show: every variant of this figure was skipped."]
    for reason, members in by_reason(variants).items():
        lines += textwrap.wrap(f"{listed([v.label for v in members])}: {reason}.", LINE)
    figure = new_figure(0.16 * len(lines) + 0.2)
    figure.text(0.01, 0.5, "\n".join(lines), va="center", fontsize=8, color=MUTED, style="italic")
    return figure
