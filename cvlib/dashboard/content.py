"""All that a dashboard shows, computed from the store and the images. Knows no FiftyOne."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cvlib.analysis.confidence import hardness, mistakenness, probable_label_errors
from cvlib.analysis.image_properties import measure
from cvlib.analysis.mistakes import agreement, confused_pairs, review_sample
from cvlib.dashboard import DashboardError
from cvlib.dashboard.images import ImageFiles, image_files
from cvlib.dashboard.runs import ChosenRun, RunContent, chosen_runs
from cvlib.data.load import fetch, fingerprint, load
from cvlib.data.spec import DatasetSpec
from cvlib.files import canonical_json, sha256_text
from cvlib.project import Project
from cvlib.results.run import Predictions

CONFIDENT = 0.9  # probability of a confident mistake's class, at least
PAIRS = 5
ONLY_RIGHT = 4
TO_REVIEW = "to review"
# what is wrong, doubtful, a pair of classes, wrong with all models, right with one
_RED, _PURPLE, _ORANGE, _BLUE, _GREEN = "#D62728", "#9467BD", "#FF7F0E", "#1F77B4", "#2CA02C"


@dataclass(frozen=True, eq=False)
class SavedView:
    """A saved view. ids: (K,) of its images; order: the field they are sorted by, falling."""

    name: str
    description: str
    colour: str
    ids: np.ndarray
    order: str = "mistakenness"


@dataclass(frozen=True, eq=False)
class Content:
    """N images, those that any of the runs was tested on, and what the runs say of them.

    ids: (N,) positions in the dataset's own test split, rising; runs: the first is the subject,
    which hardness, mistakenness and most views are of; properties: name -> (N,).
    """

    experiment: str
    title: str
    dataset: str
    fingerprints: tuple[str, ...]
    ids: np.ndarray
    images: ImageFiles
    runs: tuple[RunContent, ...]
    properties: dict[str, np.ndarray]

    @cached_property
    def found_views(self) -> tuple[SavedView, ...]:
        """Every saved view.

        Views of the subject are among the images that it was tested on; those that compare runs
        among the images that all were tested on.
        """
        names, subject = self.images.class_names, self.runs[0]
        of, own = subject.chosen.title, self.ids[subject.rows]
        wrong = ~subject.correct
        # mean probabilities over the runs tested on all of the subject's images, rows as its own
        pooled = np.mean(
            [
                run.probabilities[np.searchsorted(run.rows, subject.rows)]
                for run in self.runs
                if np.isin(subject.rows, run.rows).all()
            ],
            axis=0,
        )
        views = [
            SavedView(
                "misclassified",
                f"{wrong.sum()} of {len(own)} test images: {of}, predicts another class",
                _RED,
                own[wrong],
            ),
            SavedView(
                "confident mistakes",
                f"{of}, is wrong and gives its class a probability of {CONFIDENT:g} or more",
                _RED,
                own[wrong & (subject.probabilities.max(axis=1) >= CONFIDENT)],
            ),
            *_comparing_views(self.runs, self.ids),
            SavedView(
                "probable label errors",
                f"of the images of {of}: the label is probably wrong, by confident learning on what "
                "all models shown predict on average (Northcutt et al., 2021)",
                _PURPLE,
                own[probable_label_errors(pooled, subject.labels).rows],
            ),
            SavedView(
                TO_REVIEW,
                f"a random sample of the mistakes of {of}: tag each as label-error, ambiguous or "
                "model-error",
                _PURPLE,
                review_sample(own[wrong]),
                order="image_id",
            ),
        ]
        for pair in confused_pairs(subject.labels, subject.predicted, len(names))[:PAIRS]:
            true, predicted = names[pair.true], names[pair.predicted]
            taken = (subject.labels == pair.true) & (subject.predicted == pair.predicted)
            text = f"{taken.sum()} of {pair.support} {true} that {of}, takes for {predicted}"
            views.append(SavedView(f"{true} as {predicted}", text, _ORANGE, own[taken]))
        return tuple(views)

    @property
    def views(self) -> dict[str, np.ndarray]:
        """Saved view -> ids of its images, in the order in which they are shown."""
        return {view.name: view.ids for view in self.found_views}

    @cached_property
    def numbers(self) -> dict[str, np.ndarray]:
        """Numbers of each image, name -> (N,) float64, NaN where the subject was not tested.

        mistakenness_mean: over the runs that were tested on the image; models_wrong: how many of
        them are wrong.
        """

        def spread(run: RunContent, values: np.ndarray) -> np.ndarray:
            wide = np.full(len(self.ids), np.nan)
            wide[run.rows] = values
            return wide

        subject = self.runs[0]
        doubted = [spread(run, mistakenness(run.logits, run.labels)) for run in self.runs]
        return {
            "hardness": spread(subject, hardness(subject.logits)),
            "mistakenness": doubted[0],
            "mistakenness_mean": np.nanmean(doubted, axis=0),
            "models_wrong": np.nansum([spread(run, ~run.correct) for run in self.runs], axis=0),
            **self.properties,
        }

    @property
    def sample_digest(self) -> str:
        """Of what is shown without any run: the images and their labels."""
        images = self.images
        parts = [images.labels.tolist(), images.paths, images.keys, images.class_names]
        return sha256_text(canonical_json([self.ids.tolist(), *parts]))

    @property
    def value_digest(self) -> str:
        """Of the numbers and views, which follow from images and runs together."""
        views = [
            [v.name, v.description, v.colour, v.order, v.ids.tolist()] for v in self.found_views
        ]
        numbers = {name: sha256_text(repr(v.tolist())) for name, v in self.numbers.items()}
        return sha256_text(canonical_json([views, numbers]))


def gather(project: Project, experiment_id: str, names: Sequence[str] = ()) -> Content:
    """Everything that a dashboard of these runs shows; see `chosen_runs` for their names.

    The images are fetched if they are not on this machine. Raises DashboardError when the runs
    were not tested on the same dataset as it is now.
    """
    experiment = project.experiment(experiment_id)
    chosen = chosen_runs(project, experiment_id, names)
    specs = [DatasetSpec.model_validate(item.run.spec["dataset"]) for item in chosen]
    _check_data(project, chosen, specs)
    predictions = [item.run.predictions() for item in chosen]
    ids = np.unique(np.concatenate([found.ids for found in predictions]))
    images = image_files(specs[0], ids, project.data)
    for item, found in zip(chosen, predictions, strict=True):
        if not np.array_equal(images.labels[np.searchsorted(ids, found.ids)], found.labels):
            raise DashboardError(
                f"{item.title} was tested on other images than {chosen[0].title}; show them in "
                f"two dashboards: cvlib dashboard {item.experiment} --run {item.run.key[:12]}"
            )
    return Content(
        experiment=experiment_id,
        title=experiment.title,
        dataset=specs[0].name,
        fingerprints=tuple(dict.fromkeys(item.run.dataset_fingerprint for item in chosen)),
        ids=ids,
        images=images,
        runs=tuple(
            RunContent.of(item, found, ids) for item, found in zip(chosen, predictions, strict=True)
        ),
        properties=_properties(project, specs, predictions, ids, images.sizes),
    )


def _check_data(project: Project, chosen: list[ChosenRun], specs: list[DatasetSpec]) -> None:
    fetch(specs[0], project.data)
    now: dict[DatasetSpec, str] = {}
    for item, spec in zip(chosen, specs, strict=True):
        if spec.name != specs[0].name:
            raise DashboardError(
                f"{item.title} was tested on {spec.name}, {chosen[0].title} on {specs[0].name}; "
                "a dashboard shows the runs of one dataset"
            )
        key = spec.model_copy(update={"image_size": None, "channels": None})
        now[key] = now.get(key) or fingerprint(key, project.data)
        if now[key] != item.run.dataset_fingerprint:
            raise DashboardError(
                f"{item.title}: the images of {spec.name} changed since it was tested; "
                f"`cvlib run {item.experiment}` tests it on those of today"
            )


def _properties(
    project: Project,
    specs: list[DatasetSpec],
    predictions: list[Predictions],
    ids: np.ndarray,
    sizes: np.ndarray,
) -> dict[str, np.ndarray]:
    """Measured as the first run was shown the images; all at its size, to be comparable."""
    shown = {"image_size": specs[0].image_size, "channels": specs[0].channels}
    found: dict[str, np.ndarray] = {}
    done = np.zeros(len(ids), dtype=bool)
    for spec, tested in zip(specs, predictions, strict=True):
        if done[np.searchsorted(ids, tested.ids)].all():
            continue
        test = load(spec.model_copy(update=shown), project.data).test
        wanted = np.isin(test.ids, ids[~done])
        rows = np.searchsorted(ids, test.ids[wanted])
        for name, values in measure(test.images[wanted], sizes[rows]).items():
            found.setdefault(name, np.full(len(ids), np.nan))[rows] = values
        done[rows] = True
    return found


def _comparing_views(runs: Sequence[RunContent], ids: np.ndarray) -> list[SavedView]:
    shared = runs[0].rows
    for run in runs[1:]:
        shared = np.intersect1d(shared, run.rows)
    if not len(shared):
        return []
    found = agreement(np.array([run.correct[np.searchsorted(run.rows, shared)] for run in runs]))
    views = [
        SavedView(
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
    for index, run in enumerate(runs[:ONLY_RIGHT]):
        seed = f" (seed {run.chosen.seed})" if labels.count(labels[index]) > 1 else ""
        views.append(
            SavedView(
                f"only {labels[index]}{seed} right",
                f"the other {len(runs) - 1} models shown are wrong",
                _GREEN,
                ids[shared[found.only(index)]],
                order="mistakenness_mean",
            )
        )
    return views
