"""One look for every figure: on paper at text width, and on screen.

Sizes are those of the printed page: a figure is drawn as wide as the text (16 cm) and set 1:1, so
that 8 points here are 8 points in print. Colours are Okabe and Ito's ("Color Universal Design",
2008), told apart by the colour-blind; line styles and markers tell them apart in grey.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

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
    "figure.facecolor": "white",
    "axes.facecolor": "white",
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
    "errorbar.capsize": 0,
    "axes.unicode_minus": True,
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
    color = LINES[place].color
    return LineStyle(
        color,
        LINES[(place + turn) % len(LINES)].dashes,
        LINES[(place + 2 * turn) % len(LINES)].marker,
    )


def class_style(index: int) -> tuple[str, str]:
    """Colour and marker of the class at `index` of any number."""
    return CLASS_COLORS[index % len(CLASS_COLORS)], CLASS_MARKERS[index % len(CLASS_MARKERS)]


@contextmanager
def in_style() -> Iterator[None]:
    """Draw or save in this look, whatever the user's matplotlibrc says."""
    import matplotlib.style

    with matplotlib.style.context(["default", RC]):
        yield
