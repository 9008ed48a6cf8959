"""A gallery for paper: a row a group of mistakes, each picture with what it is and was taken for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Annotation, Text

from cvlib.journal.errors import JournalError
from cvlib.journal.figure import ReportFigure, new_figure, styled
from cvlib.journal.mistake_groups import each_once, groups_of
from cvlib.journal.mistake_notes import left_out_note, nothing_wrong
from cvlib.journal.origin import keys_of
from cvlib.journal.staleness import stale_note
from cvlib.journal.style import INK, MUTED

if TYPE_CHECKING:
    from cvlib.journal.mistakes import Mistakes

GROUPS = ("pairs:2", "confident", "every model", "label errors")
LETTERS = (6.5, 6.0)  # points; of what stands below a picture, the smaller where it is long
_LINE = 7.4  # points from one line to the next
_HEAD, _BELOW = 0.17, 0.28  # inches above and below a picture
_GAP, _EDGE = 0.08, 0.01
_LARGEST, _SMALLEST = 0.75, 0.25


@styled
def gallery_figure(found: Mistakes, groups: Sequence[str], each: int) -> ReportFigure:
    """Draw at most `each` pictures a group; a picture stands in one row only."""
    if not 2 <= each <= 16:
        raise JournalError(f"each {each!r}: expected 2 to 16 pictures a row")
    rows = each_once(groups_of(found, groups), each)
    if not rows:
        return nothing_wrong(found)
    wide = (new_figure(1.0).get_figwidth() - 2 * _EDGE) / each
    around = _HEAD + _BELOW
    figure = new_figure(len(rows) * (around + min(wide - _GAP, _LARGEST)) + 0.2)
    note = _note(figure, found)
    side = min(wide - _GAP, (figure.get_figheight() - note) / len(rows) - around)
    if side < _SMALLEST:
        raise JournalError(
            f"{len(rows)} rows of {each} leave pictures of {max(side, 0):.2f} inches; ask for "
            "fewer groups, fewer pictures a row, or a larger height"
        )
    for down, (group, ids) in enumerate(rows):
        top = figure.get_figheight() - down * (around + side)
        _title(figure, group.title, group.count, top - 0.125)
        pictures = found.pictures.of(ids)
        for across, (image, picture) in enumerate(zip(ids.tolist(), pictures, strict=True)):
            box = (_EDGE + across * wide, top - _HEAD - side, side, side)
            axes = figure.add_axes(_shares(figure, *box))
            _picture(axes, picture)
            _caption(axes, found, image, 72 * (wide - 0.03))
    return figure


def _note(figure: ReportFigure, found: Mistakes) -> float:
    """Say below the rows how to read them; returns the inches that this takes."""
    figure.set_layout_engine("none")
    seeds = len(found.cases.subject.predicted)
    averaged = f" (softmax averaged over {seeds} seeds)" * (seeds > 1)
    figure.say(
        "below a picture its label, then what it was taken for, and with which confidence"
        + averaged,
        stale_note([model.variant for model in found.cases.models]),
        left_out_note(found),
        runs=keys_of(model.variant for model in found.cases.models),
    )
    said = next(
        text
        for text in figure.findobj(Text)
        if isinstance(text, Text) and text.get_text() == figure.get_supxlabel()
    )
    return float(said.get_window_extent().y1 / figure.dpi) + 0.02


def _title(figure: ReportFigure, title: str, count: str, height: float) -> None:
    """A group's title, and behind it how many there are. height: of the line, in inches."""
    x, y, *_ = _shares(figure, _EDGE, height, 0, 0)
    head = figure.text(x, y, title, fontsize=8, fontweight="bold")
    # placed when it is drawn: letters are of other widths in an SVG than on a screen
    text = Annotation(
        count,
        (1, y),
        xycoords=(head, figure.transFigure),
        xytext=(5, 0),
        textcoords="offset points",
        fontsize=7.5,
        color=MUTED,
        annotation_clip=False,
    )
    figure.add_artist(text)
    if text.get_window_extent().x1 > figure.bbox.width:
        text.set_text(count.split(" of ")[0])


def _shares(
    figure: ReportFigure, x: float, y: float, width: float, height: float
) -> tuple[float, float, float, float]:
    """Inches as shares of the figure."""
    whole, high = figure.get_size_inches().tolist()
    return x / whole, y / high, width / whole, height / high


def _picture(axes: Axes, picture: np.ndarray) -> None:
    is_grey = picture.shape[-1] == 1
    axes.imshow(
        picture[..., 0] if is_grey else picture,
        cmap="gray" if is_grey else None,
        vmin=0,
        vmax=255,
        interpolation="none" if max(picture.shape[:2]) <= 64 else "antialiased",
    )
    axes.set_axis_off()


def _caption(axes: Axes, found: Mistakes, image: int, room: float) -> None:
    """Two lines below a picture: the label, and the prediction with its confidence. room: points."""
    subject, names = found.cases.subject, found.short_names
    row = subject.row_of[image]
    true = names[int(subject.labels[row])]
    answer = names[int(subject.answer[row])] if subject.mistaken[row] else "right"
    sure = f" {100 * subject.confidence[row]:.0f}%"
    for place, parts in enumerate((("", true, ""), ("→ ", answer, sure))):
        text = axes.annotate(
            "",
            (0, 0),
            xycoords="axes fraction",
            xytext=(0, -2 - place * _LINE),
            textcoords="offset points",
            va="top",
            fontsize=LETTERS[0],
            color=INK if place else MUTED,
            annotation_clip=False,
        )
        _fit(text, *parts, room)


def _fit(text: Text, head: str, name: str, tail: str, room: float) -> None:
    """Write the line, its name cut short where it is wider than `room` points."""
    assert text.figure is not None
    shorter = [name[:length].rstrip() + "…" for length in range(len(name) - 1, 0, -1)]
    for shown, letters in ((name, LETTERS[0]), *((one, LETTERS[1]) for one in [name, *shorter])):
        text.set(text=head + shown + tail, fontsize=letters)
        if text.get_window_extent().width * 72 / text.figure.dpi <= room:
            return
