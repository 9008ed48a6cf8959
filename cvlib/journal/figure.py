"""A matplotlib figure that shows itself the same everywhere: as SVG for print, as PNG for the screen."""

from __future__ import annotations

import base64
import io
import textwrap
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cvlib.journal.errors import JournalError
from cvlib.journal.origin import description
from cvlib.journal.style import MUTED, TEXT_WIDTH, in_style

Arguments = ParamSpec("Arguments")

_SIZE: ContextVar[tuple[float, float | None]] = ContextVar("size", default=(1.0, None))


class ReportFigure(Figure):
    """A figure outside pyplot, so that a notebook shows it once and no state is left behind.

    runs: keys of the runs that it shows, which its files name in their metadata.
    """

    runs: tuple[str, ...] = ()

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
        metadata: dict[str, Any] = dict(nothing.get(kind, {}))
        if self.runs and metadata:
            metadata["Description"] = description(self.runs)
        with in_style():
            self.savefig(buffer, format=kind, metadata=metadata or None)
        return buffer.getvalue()

    def say(self, *notes: str, runs: Iterable[str], key: str = "") -> None:
        """Put notes (stale or missing results) below the panels; empty ones are left out.

        runs: keys of those that are shown; key: lines of their own above the notes, upright.
        """
        self.runs = tuple(runs)
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
        for letters in range(175, 25, -5):
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


@contextmanager
def of_size(width: float, height: float | None) -> Iterator[None]:
    """Figures drawn within are this share of the text's width, and `height` inches high if given.

    For panels side by side: a figure that is drawn wide and shown narrow has tiny letters.
    """
    if not 0.3 <= width <= 1:
        raise JournalError(f"width {width!r}: expected a share of the text's width, 0.3 to 1")
    if height is not None and not 1 <= height <= 8:
        raise JournalError(f"height {height!r}: expected inches, 1 to 8")
    token = _SIZE.set((width, height))
    try:
        yield
    finally:
        _SIZE.reset(token)


def new_figure(height: float) -> ReportFigure:
    """An empty figure as wide as the text, unless `of_size` says otherwise. height: inches."""
    width, given = _SIZE.get()
    figure = ReportFigure(figsize=(TEXT_WIDTH * width, given or height), layout="constrained")
    FigureCanvasAgg(figure)  # measures text
    return figure
