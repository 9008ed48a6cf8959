"""The look of every figure, on paper at text width and on screen.

Sizes are those of the printed page: a figure is drawn as wide as the text (16 cm) and set 1:1, so
that 8 points here are 8 points in print. Colours are Okabe and Ito's ("Color Universal Design",
2008), told apart by the colour-blind; line styles and markers tell them apart in grey.
"""

from __future__ import annotations

import base64
import io
import textwrap
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache, wraps
from inspect import signature
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, fontManager, get_font
from matplotlib.text import Text

from cvlib.journal.errors import JournalError
from cvlib.journal.notes import skip_sentences
from cvlib.journal.quantity import description

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from cvlib.journal.results import VariantResults

TEXT_WIDTH = 6.6  # inches
INK = "#1a1a1a"
MUTED = "#666666"
HAIRLINE = "#d9d9d9"
BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY = "#E69F00", "#56B4E9"

RC: dict[str, Any] = {
    # STIX comes with matplotlib and is the nearest to the text's Libertinus Serif
    "font.family": "STIXGeneral",
    "mathtext.fontset": "stix",
    "text.parse_math": False,  # a name is no formula
    "font.size": 8.5,
    "axes.titlesize": 8.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 4,
    "axes.labelsize": 8.5,
    "axes.labelpad": 3,
    "axes.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": HAIRLINE,
    "grid.linewidth": 0.5,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.6,
    # letters as outlines: the same in every browser and in Typst; a fixed salt: the same bytes
    "svg.fonttype": "path",
    "svg.hashsalt": "cvlib",
    "savefig.dpi": 192,
    "figure.constrained_layout.w_pad": 0.03,
    "figure.constrained_layout.h_pad": 0.03,
}


class LineStyle(NamedTuple):
    """How one of several lines in a panel looks, in colour and in grey."""

    color: str
    dashes: Any
    marker: str


# The first is the reference's. Neighbours differ in lightness as well as in hue.
LINES = (
    LineStyle(INK, "-", "o"),
    LineStyle(BLUE, (0, (4, 1.4)), "s"),
    LineStyle(VERMILLION, (0, (1.2, 1.2)), "^"),
    LineStyle(GREEN, (0, (5, 1.2, 1.2, 1.2)), "D"),
    LineStyle(PURPLE, (0, (2.5, 1)), "v"),
    LineStyle(ORANGE, (0, (7, 1.5)), "P"),
    LineStyle(SKY, (0, (1.2, 2.2)), "X"),
)

# Many classes: ten colours that differ in lightness too, by turns with shapes, so that two classes
# of one colour never share a shape (10 and 11 have no common factor: 110 pairs).
CLASS_COLORS = (
    BLUE, ORANGE, INK, GREEN, VERMILLION, SKY, "#7A4B00", PURPLE, "#8A8A8A", "#4B2E83",
)  # fmt: skip

CLASS_MARKERS = ("o", "^", "s", "v", "D", "P", "X", "<", ">", "*", "p")


def line_style(index: int) -> LineStyle:
    """The look of the line at `index` of any number; from the eighth on shapes and dashes mix anew."""
    turn, place = divmod(index, len(LINES))
    color, dashes, marker = (LINES[(place + n * turn) % len(LINES)] for n in range(3))
    return LineStyle(color.color, dashes.dashes, marker.marker)


def class_style(index: int) -> tuple[str, str]:
    """Colour and marker of the class at `index` of any number."""
    return CLASS_COLORS[index % len(CLASS_COLORS)], CLASS_MARKERS[index % len(CLASS_MARKERS)]


@contextmanager
def in_style() -> Iterator[None]:
    """Draw or save in this look, whatever the user's matplotlibrc says."""
    import matplotlib.style

    with matplotlib.style.context(["default", RC]), warnings.catch_warnings():
        # `find_glyphs` notes it for `cvlib check`
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        yield


_SIZE: ContextVar[tuple[float, float | None]] = ContextVar("size", default=(1.0, None))


@lru_cache(maxsize=64)
def _letters_of(font: str) -> frozenset[str]:
    return frozenset(map(chr, get_font(font).get_charmap()))


def find_glyphs(figure: ReportFigure) -> bool:
    """Let each text of a figure fall back over the installed fonts where its own lacks letters.

    The figure has been drawn, or its ticks have no labels. Returns whether any text did.
    """
    lost, changed = set(), False
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        lacking = {c for c in text.get_text() if c.isprintable()}
        lacking -= _letters_of(str(findfont(text.get_fontproperties())))
        families = [*text.get_fontfamily()]
        for font in sorted(fontManager.ttflist, key=lambda f: (f.name != "DejaVu Sans", f.name)):
            if not lacking:
                break
            # a font of boxes for every letter comes with matplotlib
            if "Last Resort" not in font.name and lacking & _letters_of(font.fname):
                families.append(font.name)
                lacking -= _letters_of(font.fname)
        if families != text.get_fontfamily():
            text.set_fontfamily(families)
            changed = True
        lost |= lacking
    figure.without_glyph = "".join(sorted(lost))
    return changed


class ReportFigure(Figure):
    """A figure outside pyplot, so that a notebook shows it once and no state is left behind.

    runs: keys of the runs that it shows; without_glyph: letters that no font here has. Both are in the
    metadata of its files.
    """

    runs: tuple[str, ...] = ()
    without_glyph: str = ""

    def _ipython_display_(self) -> None:
        # Not _repr_mimebundle_: printers that Quarto and notebooks register for every matplotlib
        # figure come before it, and crop the page's width away.
        from IPython.display import display

        bundle = {
            "image/svg+xml": self.drawn("svg").decode(),
            "image/png": base64.b64encode(self.drawn("png")).decode(),
            "text/plain": repr(self),
        }
        display(bundle, raw=True)  # type: ignore[no-untyped-call]

    def drawn(self, kind: str) -> bytes:
        """The figure as a file of `kind` (svg, png); the same bytes for the same content."""
        buffer = io.BytesIO()
        metadata: dict[str, Any] = (
            {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
        )
        if said := description(self.runs, self.without_glyph):
            metadata["Description"] = said
        with in_style():
            self.savefig(buffer, format=kind, metadata=metadata)
        return buffer.getvalue()

    def say(self, *notes: str, runs: Iterable[str], key: str = "") -> None:
        """Put notes (stale or missing results) below the panels; empty ones are left out.

        runs: keys of those that are shown; key: lines of their own above the notes, upright.
        """
        self.runs = tuple(runs)
        look = {"fontsize": 7.5, "color": MUTED, "style": "normal" if key else "italic"}
        texts = [text for text in (key, "; ".join(note for note in notes if note)) if text]
        if texts:  # in one, so that the layout makes room for all of it
            said = "\n".join(self._wrapped(text, **look) for text in texts)
            self.supxlabel(said, x=0.01, ha="left", **look)

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


def styled(draw: Callable[..., ReportFigure]) -> Callable[..., ReportFigure]:
    """Let a function draw in the report's style. It takes a size besides its own arguments:

    width: a share of the text's width, for panels side by side (a figure that is drawn wide and
    shown narrow has tiny letters); height: inches, None: what suits it.
    """

    @wraps(draw)
    def wrapper(
        *args: Any, width: float = 1.0, height: float | None = None, **kwargs: Any
    ) -> ReportFigure:
        if not 0.3 <= width <= 1:
            raise JournalError(f"width {width!r}: expected a share of the text's width, 0.3 to 1")
        if height is not None and not 1 <= height <= 8:
            raise JournalError(f"height {height!r}: expected inches, 1 to 8")
        token = _SIZE.set((width, height))
        try:
            with in_style():
                figure = draw(*args, **kwargs)
                # settled once: laid out anew for each format, panels would move by a hair
                figure.draw_without_rendering()
                if find_glyphs(figure):
                    figure.draw_without_rendering()
                figure.set_layout_engine("none")
                return figure
        finally:
            _SIZE.reset(token)

    own, size = signature(draw), list(signature(wrapper, follow_wrapped=False).parameters.values())
    parameters = [*own.parameters.values(), *size[1:3]]
    wrapper.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    return wrapper


def new_figure(height: float) -> ReportFigure:
    """An empty figure as wide as the text, unless its caller asked for another size. height: inches."""
    width, given = _SIZE.get()
    figure = ReportFigure(figsize=(TEXT_WIDTH * width, given or height), layout="constrained")
    FigureCanvasAgg(figure)  # measures text
    return figure


def as_map(axes: Axes, across: int, down: int) -> None:
    """Make room for so many cells of size 1, the first at (0, 0), that are their own frame."""
    axes.set_xlim(-0.5, across - 0.5)
    axes.set_ylim(down - 0.5, -0.5)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0)


def ink_on(face: Sequence[float]) -> str:
    """The colour of letters on a shade (RGB or RGBA).

    Relative luminance decides: they keep their contrast on every shade, and in grey.
    """
    return INK if np.dot(face[:3], (0.299, 0.587, 0.114)) > 0.5 else "white"


def figure_of_words(text: str, runs: Iterable[str]) -> ReportFigure:
    """Words in a figure's place. runs: keys of those that say so."""
    figure = new_figure(0.16 * (len(text) // 115 + 1) + 0.2)
    figure.say(text, runs=runs)
    return figure


def empty_figure(variants: Iterable[VariantResults]) -> ReportFigure:
    """What stands in the place of a figure all of whose variants were skipped: the reason."""
    first = "Nothing to show: every variant of this figure was skipped."
    return figure_of_words(" ".join([first, *skip_sentences(variants)]), ())
