"""Mistakes grouped by pattern, for the galleries: each image once, in the first group that takes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cvlib.journal.errors import JournalError
from cvlib.journal.words import counted

if TYPE_CHECKING:
    from cvlib.journal.mistakes import Mistakes

CONFIDENT = 0.9


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
