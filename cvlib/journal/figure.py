"""A matplotlib figure that shows itself the same everywhere: as SVG for print, as PNG for the screen."""

from __future__ import annotations

import base64
import io
import textwrap
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cvlib.journal.style import MUTED, TEXT_WIDTH, in_style

Arguments = ParamSpec("Arguments")


class ReportFigure(Figure):
    """A figure outside pyplot, so that a notebook shows it once and no state is left behind."""

    def _ipython_display_(self) -> None:
        # Not _repr_mimebundle_: printers that Quarto and notebooks register for every matplotlib
        # figure come before it, and crop the page's width away.
        from IPython.display import display

        display(self.bundle(), raw=True)  # type: ignore[no-untyped-call]

    def bundle(self) -> dict[str, Any]:
        """The figure in each form that a notebook may choose from, by MIME type."""
        return {
            "image/svg+xml": self.drawn("svg").decode(),
            "image/png": base64.b64encode(self.drawn("png")).decode(),
            "text/plain": repr(self),
        }

    def drawn(self, kind: str) -> bytes:
        """The figure as a file of `kind` (svg, png, pdf); the same bytes for the same content."""
        buffer = io.BytesIO()
        nothing = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}
        with in_style():
            self.savefig(buffer, format=kind, metadata=nothing.get(kind))
        return buffer.getvalue()

    def say(self, *notes: str, key: str = "") -> None:
        """Put notes (stale or missing results) below the panels; empty ones are left out.

        key: lines of their own above the notes, upright.
        """
        text = "; ".join(note for note in notes if note)
        if key:
            # one text, so that the layout makes room for all of it
            look = {"fontsize": 7.5, "color": MUTED}
            text = f"{self._wrapped(key, **look)}\n{self._wrapped(text, **look)}".rstrip()
        else:
            look = {"fontsize": 7.5, "color": MUTED, "style": "italic"}
            text = self._wrapped(text, **look)
        if text:
            self.supxlabel(text, x=0.01, ha="left", **look)

    def _wrapped(self, text: str, **look: Any) -> str:
        """The text in lines that fit the figure's width."""
        probe = self.text(0, 0, "", **look)
        room = 0.98 * self.bbox.width
        for letters in range(175, 60, -5):
            lines = textwrap.wrap(text, letters)
            probe.set_text("\n".join(lines))
            if probe.get_window_extent(self.canvas.get_renderer()).width <= room:  # type: ignore[attr-defined]
                break
        probe.remove()
        return "\n".join(lines)


def styled(draw: Callable[Arguments, ReportFigure]) -> Callable[Arguments, ReportFigure]:
    """Let a function that draws a figure run in the report's style."""

    @wraps(draw)
    def wrapper(*args: Arguments.args, **kwargs: Arguments.kwargs) -> ReportFigure:
        with in_style():
            figure = draw(*args, **kwargs)
            # settled once: laid out anew for each format, panels would move by a hair
            figure.draw_without_rendering()
            figure.set_layout_engine("none")
            return figure

    return wrapper


def new_figure(height: float) -> ReportFigure:
    """An empty figure as wide as the text. height: inches."""
    figure = ReportFigure(figsize=(TEXT_WIDTH, height), layout="constrained")
    FigureCanvasAgg(figure)  # measures text
    return figure
