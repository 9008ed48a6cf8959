"""The saved views: which images each one shows, and how FiftyOne keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cvlib.analysis.confidence import probable_label_errors
from cvlib.analysis.mistakes import agreement, confused_pairs, review_sample
from cvlib.dashboard.run_content import RunContent

CONFIDENT = 0.9  # probability of a confident mistake's class, at least
PAIRS = 5
ONLY_RIGHT = 4
TO_REVIEW = "to review"

_RED, _ORANGE, _PURPLE, _BLUE, _GREEN, _GREY = (
    *("#D62728", "#FF7F0E", "#9467BD", "#1F77B4", "#2CA02C", "#7F7F7F"),
)


@dataclass(frozen=True, eq=False)
class View:
    """A saved view. ids: (K,) of its images; order: the field they are sorted by, falling."""

    name: str
    description: str
    colour: str
    ids: np.ndarray
    order: str = "mistakenness"


def find_views(
    runs: Sequence[RunContent], ids: np.ndarray, class_names: Sequence[str]
) -> tuple[View, ...]:
    """Every view of these runs, whose first is the subject. ids: (N,) of the images.

    Views of the subject are among the images that it was tested on; those that compare runs among
    the images that all were tested on.
    """
    subject = runs[0]
    of, own = subject.chosen.title, ids[subject.rows]
    wrong = ~subject.correct
    views = [
        View(
            "misclassified",
            f"{wrong.sum()} of {len(own)} test images: {of}, predicts another class",
            _RED,
            own[wrong],
        ),
        View(
            "confident mistakes",
            f"{of}, is wrong and gives its class a probability of {CONFIDENT:g} or more",
            _RED,
            own[wrong & (subject.confidence >= CONFIDENT)],
        ),
        *_compared(runs, ids),
        View(
            "probable label errors",
            f"of the images of {of}: the label is probably wrong, by confident learning on what "
            "all models shown predict on average (Northcutt et al., 2021)",
            _PURPLE,
            own[probable_label_errors(_pooled(runs), subject.labels).rows],
        ),
        View(
            TO_REVIEW,
            f"a random sample of the mistakes of {of}: tag each as label-error, ambiguous or "
            "model-error",
            _PURPLE,
            _sample(own[wrong]),
            order="image_id",
        ),
    ]
    for pair in confused_pairs(subject.labels, subject.predicted, len(class_names))[:PAIRS]:
        true, predicted = class_names[pair.true], class_names[pair.predicted]
        taken = (subject.labels == pair.true) & (subject.predicted == pair.predicted)
        text = f"{taken.sum()} of {pair.support} {true} that {of}, takes for {predicted}"
        views.append(View(f"{true} as {predicted}", text, _ORANGE, own[taken]))
    return tuple(views)


def _pooled(runs: Sequence[RunContent]) -> np.ndarray:
    """Mean probabilities over the runs tested on all of the subject's images, rows as its own."""
    subject = runs[0]
    complete = [run for run in runs if np.isin(subject.rows, run.rows).all()]
    rows = [np.searchsorted(run.rows, subject.rows) for run in complete]
    pooled: np.ndarray = np.mean(
        [run.probabilities[at] for run, at in zip(complete, rows, strict=True)], axis=0
    )
    return pooled


def _sample(wrong: np.ndarray) -> np.ndarray:
    return review_sample(wrong) if len(wrong) else wrong


def _compared(runs: Sequence[RunContent], ids: np.ndarray) -> list[View]:
    shared = runs[0].rows
    for run in runs[1:]:
        shared = np.intersect1d(shared, run.rows)
    correct = np.array([run.correct[np.searchsorted(run.rows, shared)] for run in runs])
    if not len(shared):
        return []
    found = agreement(correct)
    views = [
        View(
            "every model wrong",
            f"none of the {len(runs)} models shown is right, of {len(shared)} images that all "
            "were tested on",
            _BLUE,
            ids[shared[found.all_wrong]],
            order="mistakenness_mean",
        )
    ]
    if len(runs) == 1:
        return views
    labels = [run.chosen.label for run in runs]
    for index, run in list(enumerate(runs))[:ONLY_RIGHT]:
        seed = f" (seed {run.chosen.seed})" if labels.count(labels[index]) > 1 else ""
        views.append(
            View(
                f"only {labels[index]}{seed} right",
                f"the other {len(runs) - 1} models shown are wrong",
                _GREEN,
                ids[shared[found.only(index)]],
                order="mistakenness_mean",
            )
        )
    return views


def save_views(dataset: Any, views: Sequence[View], ours: Sequence[str]) -> list[str]:
    """Replace the views that the dashboard saved earlier, `ours`; a person's own stay.

    dataset: FiftyOne's, whose field found_in says which views an image is in. Returns the names,
    in the order of `views`; one that is taken, or means the same in an address, gets a number.
    """
    from fiftyone import ViewField as F

    for name in ours:
        if dataset.has_saved_view(name):
            dataset.delete_saved_view(name)
    taken = {_slug(name) for name in dataset.list_saved_views()}
    saved = []
    for view in views:
        name, number = view.name, 1
        while not _slug(name) or _slug(name) in taken:
            number += 1
            name = f"{view.name} {number}"
        taken.add(_slug(name))
        shown = dataset.match(F("found_in").contains(view.name))
        shown = shown.sort_by(view.order, reverse=view.order != "image_id")
        dataset.save_view(name, shown, description=view.description, color=view.colour)
        saved.append(name)
    return saved


def _slug(name: str) -> str:
    from fiftyone.core.utils import to_slug

    try:
        return str(to_slug(name))
    except ValueError:  # no letter or digit that an address may hold
        return ""
