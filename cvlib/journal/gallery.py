"""Mistakes grouped by pattern: each image once, in the first group that takes it; and a gallery for paper."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.text import Annotation, Text

from cvlib.journal.confusion import nothing_wrong
from cvlib.journal.errors import JournalError
from cvlib.journal.figure import INK, MUTED, empty_figure, new_figure, styled
from cvlib.journal.functions import of_mistakes
from cvlib.journal.notes import left_out_note, stale_note
from cvlib.journal.quantity import keys_of
from cvlib.journal.words import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from cvlib.journal.figure import ReportFigure
    from cvlib.journal.mistakes import Mistakes

GROUPS = ("pairs:2", "confident", "every model", "label errors")
LETTERS = (6.5, 6.0)  # points; of what stands below a picture, the smaller where it is long
_LINE = 7.4  # points from one line to the next
_HEAD, _BELOW = 0.17, 0.28  # inches above and below a picture
_GAP, _EDGE = 0.08, 0.01
_LARGEST, _SMALLEST = 0.75, 0.25
CONFIDENT = 0.9


@of_mistakes
@styled
def gallery(found: Mistakes, groups: Sequence[str] | None = None, each: int = 8) -> ReportFigure:
    """A row of pictures a group: at most `each`, none twice.

    groups: of pairs (the three most confused), pairs:N, confident, every model, only right,
    label errors, others, and a review's label-error, ambiguous, model-error; none: the first
    two pairs, confident, every model, label errors.

    Example: found.gallery(["pairs:1", "confident"], each=8)
    """
    if found.is_skipped:
        return empty_figure(found.variants[:1])
    if not 2 <= each <= 16:
        raise JournalError(f"each {each!r}: expected 2 to 16 pictures a row")
    rows = each_once(groups_of(found, groups or GROUPS), each)
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


@dataclass(frozen=True)
class Group:
    """Images that belong together. ids: (K,), the most telling first; of: counted from, in words."""

    title: str
    ids: np.ndarray
    of: str = ""

    @property
    def count(self) -> str:
        """`12 images`, or `12 of 1,000 Shirts`."""
        return f"{len(self.ids):,} of {self.of}" if self.of else counted(len(self.ids), "image")


def groups_of(found: Mistakes, wanted: Sequence[str]) -> list[Group]:
    """The groups asked for, in order; those without an image are left out.

    wanted: `pairs` (the three most confused), `pairs:N`, `confident`, `every model`, `only right`,
    `label errors`, `label-error`, `ambiguous`, `model-error` (verdicts of a review), `others`.
    """
    groups: list[Group] = []
    for name in wanted:
        kind, _, number = name.partition(":")
        if kind not in KINDS:
            raise JournalError(f"no group {name!r}; there is: {', '.join(KINDS)}")
        if number and (kind != "pairs" or not number.isdigit()):
            raise JournalError(f"group {name!r}: expected a name, or pairs:N")
        groups += _pairs(found, int(number or 3)) if kind == "pairs" else KINDS[kind](found)
    return [group for group in groups if len(group.ids)]


def each_once(groups: Sequence[Group], most: int) -> list[tuple[Group, np.ndarray]]:
    """Each group with at most so many of its ids, none that an earlier one shows; no empty ones."""
    shown: set[int] = set()
    found = []
    for group in groups:
        fresh = [image for image in group.ids.tolist() if image not in shown][:most]
        shown.update(fresh)
        if fresh:
            found.append((group, np.array(fresh, dtype=np.int64)))
    return found


def _ids(found: Mistakes, chosen: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Ids of the chosen rows (N,) bool of the subject, those with the highest `by` first."""
    rows = np.flatnonzero(chosen)
    subject = found.cases.subject
    return subject.ids[rows[np.lexsort((subject.ids[rows], -by[rows]))]]


def _pairs(found: Mistakes, most: int) -> list[Group]:
    subject, names = found.cases.subject, found.short_names
    groups = []
    for pair in found.confused[:most]:
        chosen = (subject.labels == pair.true) & (subject.answer == pair.predicted)
        true, predicted = names[pair.true], names[pair.predicted]
        groups.append(
            Group(
                f"{true} taken for {predicted}",
                _ids(found, chosen, subject.confidence),
                f"{counted(pair.support, 'image')} of {true}",
            )
        )
    return groups


def _confident(found: Mistakes) -> list[Group]:
    subject = found.cases.subject
    chosen = subject.mistaken & (subject.confidence >= CONFIDENT)
    title = f"Wrong with a confidence of {CONFIDENT:.0%} or more"
    of = counted(int(subject.mistaken.sum()), "mistake")
    return [Group(title, _ids(found, chosen, subject.confidence), of)]


def _every_model(found: Mistakes) -> list[Group]:
    cases = found.cases
    if not cases.others:
        return []
    ids = cases.shared[~cases.right.any(axis=0)]
    chosen = np.isin(cases.subject.ids, ids)
    agreed = np.zeros(len(chosen))
    # first those on which all give the same wrong answer, then by the subject's confidence
    for row in np.flatnonzero(chosen).tolist():
        image = int(cases.subject.ids[row])
        agreed[row] = len({int(m.answer[m.row_of[image]]) for m in cases.models}) == 1
    title = f"All {len(cases.models)} models wrong"
    of = f"{counted(len(cases.shared), 'image')} that all were tested on"
    return [Group(title, _ids(found, chosen, agreed + cases.subject.confidence / 2), of)]


def _only_right(found: Mistakes) -> list[Group]:
    cases = found.cases
    if not cases.others:
        return []
    groups = []
    for place, model in enumerate(cases.models):
        alone = cases.right[place] & (cases.right.sum(axis=0) == 1)
        chosen = np.isin(cases.subject.ids, cases.shared[alone])
        title = f"Right for {model.variant.label} alone"
        groups.append(Group(title, _ids(found, chosen, cases.subject.confidence)))
    return groups


def _label_errors(found: Mistakes) -> list[Group]:
    rows = np.asarray(found.label_errors_found.rows, dtype=np.int64)
    return [Group("Probable label errors", found.cases.subject.ids[rows])]


def _others(found: Mistakes) -> list[Group]:
    subject = found.cases.subject
    return [
        Group("Other mistakes", _ids(found, subject.mistaken, found.scores["mistakenness"])),
    ]


def _reviewed(verdict: str, title: str) -> Callable[[Mistakes], list[Group]]:
    def groups(found: Mistakes) -> list[Group]:
        subject = found.cases.subject
        ids = [image for image, said in found.verdicts.items() if said == verdict]
        return [Group(title, _ids(found, np.isin(subject.ids, ids), subject.confidence))]

    return groups


KINDS: dict[str, Callable[[Mistakes], list[Group]]] = {
    "pairs": lambda found: _pairs(found, 3),
    "confident": _confident,
    "every model": _every_model,
    "only right": _only_right,
    "label errors": _label_errors,
    "label-error": _reviewed("label-error", "Label errors, as reviewed"),
    "ambiguous": _reviewed("ambiguous", "Ambiguous, as reviewed"),
    "model-error": _reviewed("model-error", "The model's own errors, as reviewed"),
    "others": _others,
}
