"""Mistakes grouped by pattern: each image once, in the first group that takes it; and a gallery for paper."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.text import Annotation

from cvlib.journal.confusion import nothing_wrong
from cvlib.journal.errors import JournalError
from cvlib.journal.figure import INK, MUTED, empty_figure, new_figure, styled
from cvlib.journal.handle import of_mistakes
from cvlib.journal.notes import left_out_note, stale_note
from cvlib.journal.quantity import keys_of
from cvlib.journal.words import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from cvlib.journal.figure import ReportFigure
    from cvlib.journal.mistake_cases import Mistakes

GROUPS = ("pairs:2", "confident", "every model", "label errors")
LETTERS = (6.5, 6.0)  # points; of what stands below a picture, the smaller where it is long
_LINE = 7.4  # points from one line to the next
_HEAD, _BELOW = 0.17, 0.28  # inches above and below a picture
_GAP, _EDGE = 0.08, 0.01
_LARGEST, _SMALLEST = 0.75, 0.25
CONFIDENT = 0.9
REVIEWED = {
    "label-error": "Label errors, as reviewed",
    "ambiguous": "Ambiguous, as reviewed",
    "model-error": "The model’s own errors, as reviewed",
}
KINDS = ("pairs", "confident", "every model", "only right", "label errors", *REVIEWED, "others")


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
    size = figure.get_size_inches()
    for down, (group, ids) in enumerate(rows):
        top = size[1] - down * (around + side)
        _title(figure, group, top - 0.125)
        pictures = found.pictures.of(ids)
        for across, (image, picture) in enumerate(zip(ids.tolist(), pictures, strict=True)):
            corner = np.array([_EDGE + across * wide, top - _HEAD - side])
            axes = figure.add_axes((*(corner / size), *(side / size)))
            is_grey = picture.shape[-1] == 1
            shown = axes.imshow(picture[..., 0] if is_grey else picture, vmin=0, vmax=255)
            shown.set(cmap="gray" if is_grey else None)
            shown.set_interpolation("none" if max(picture.shape[:2]) <= 64 else "antialiased")
            axes.set_axis_off()
            _caption(axes, found, image, 72 * (wide - 0.03))
    return figure


def _note(figure: ReportFigure, found: Mistakes) -> float:
    """Say below the rows how to read them; returns the inches that this takes."""
    figure.set_layout_engine("none")
    seeds = len(found.cases.subject.predicted)
    averaged = f" (softmax averaged over {seeds} seeds)" * (seeds > 1)
    shown = [model.variant for model in found.cases.models]
    figure.say(
        f"below a picture its label, then what it was taken for, and with which confidence{averaged}",
        stale_note(shown),
        left_out_note(found),
        runs=keys_of(shown),
    )
    (said,) = figure.texts
    return float(said.get_window_extent().y1 / figure.dpi) + 0.02


def _title(figure: ReportFigure, group: Group, height: float) -> None:
    """A group's title, and behind it how many there are. height: of the line, in inches."""
    x, y = (_EDGE, height) / figure.get_size_inches()
    head = figure.text(x, y, group.title, fontsize=8, fontweight="bold")
    # placed when it is drawn: letters are of other widths in an SVG than on a screen
    text = Annotation(group.count, (1, y), (5, 0), (head, figure.transFigure), "offset points")
    text.set(fontsize=7.5, color=MUTED, annotation_clip=False)
    figure.add_artist(text)
    if text.get_window_extent().x1 > figure.bbox.width:
        text.set_text(group.count.split(" of ")[0])


def _caption(axes: Axes, found: Mistakes, image: int, room: float) -> None:
    """Two lines below a picture: the label, and the prediction with its confidence. room: points."""
    subject, names = found.cases.subject, found.short_names
    row = subject.row_of[image]
    true = names[int(subject.labels[row])]
    answer = names[int(subject.answer[row])] if subject.mistaken[row] else "right"
    sure = f" {100 * subject.confidence[row]:.0f}%"
    for place, (head, name, tail) in enumerate((("", true, ""), ("→ ", answer, sure))):
        below = (0, -2 - place * _LINE)
        text = axes.annotate("", (0, 0), below, "axes fraction", "offset points", va="top")
        text.set(color=INK if place else MUTED, annotation_clip=False)
        # the name is cut short where it is wider than the column
        shorter = [name, *(name[:end].rstrip() + "…" for end in range(len(name) - 1, 0, -1))]
        for shown, size in ((name, LETTERS[0]), *((one, LETTERS[1]) for one in shorter)):
            text.set(text=head + shown + tail, fontsize=size)
            if text.get_window_extent().width * 72 / axes.figure.dpi <= room:
                break


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

    wanted: `pairs` (the three most confused), `pairs:N`, and the other `KINDS`.
    """
    groups: list[Group] = []
    for name in wanted:
        kind, _, number = name.partition(":")
        if kind not in KINDS:
            raise JournalError(f"no group {name!r}; there is: {', '.join(KINDS)}")
        if number and (kind != "pairs" or not number.isdigit()):
            raise JournalError(f"group {name!r}: expected a name, or pairs:N")
        groups += _groups(found, kind, int(number or 3))
    return [group for group in groups if len(group.ids)]


def _groups(found: Mistakes, kind: str, most: int) -> Iterator[Group]:
    cases, subject, names = found.cases, found.cases.subject, found.short_names

    def ids(chosen: np.ndarray, by: np.ndarray = subject.confidence) -> np.ndarray:
        """Ids of the chosen rows (N,) bool of the subject, those with the highest `by` first."""
        rows = np.flatnonzero(chosen)
        return subject.ids[rows[np.lexsort((subject.ids[rows], -by[rows]))]]

    if kind == "pairs":
        for pair in found.confused[:most]:
            true, predicted = names[pair.true], names[pair.predicted]
            chosen = (subject.labels == pair.true) & (subject.answer == pair.predicted)
            of = f"{counted(pair.support, 'image')} of {true}"
            yield Group(f"{true} taken for {predicted}", ids(chosen), of)
    elif kind == "confident":
        sure = ids(subject.mistaken & (subject.confidence >= CONFIDENT))
        of = counted(int(subject.mistaken.sum()), "mistake")
        yield Group(f"Wrong with a confidence of {CONFIDENT:.0%} or more", sure, of)
    elif kind == "every model" and cases.others:
        chosen = np.isin(subject.ids, cases.shared[~cases.right.any(axis=0)])
        agreed = np.zeros(len(chosen))
        # first those on which all give the same wrong answer, then by the subject's confidence
        for row in np.flatnonzero(chosen).tolist():
            image = int(subject.ids[row])
            agreed[row] = len({int(m.answer[m.row_of[image]]) for m in cases.models}) == 1
        of = f"{counted(len(cases.shared), 'image')} that all were tested on"
        wrong = ids(chosen, agreed + subject.confidence / 2)
        yield Group(f"All {len(cases.models)} models wrong", wrong, of)
    elif kind == "only right" and cases.others:
        for model, right in zip(cases.models, cases.right, strict=True):
            alone = cases.shared[right & (cases.right.sum(axis=0) == 1)]
            title = f"Right for {model.variant.label} alone"
            yield Group(title, ids(np.isin(subject.ids, alone)))
    elif kind == "label errors":
        rows = np.asarray(found.label_errors_found.rows, dtype=np.int64)
        yield Group("Probable label errors", subject.ids[rows])
    elif kind == "others":
        yield Group("Other mistakes", ids(subject.mistaken, found.scores["mistakenness"]))
    elif kind in REVIEWED:
        said = [image for image, verdict in found.verdicts.items() if verdict == kind]
        yield Group(REVIEWED[kind], ids(np.isin(subject.ids, said)))


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
