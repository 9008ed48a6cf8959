"""All that a dashboard shows, computed from the store and the images. Knows no FiftyOne."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cvlib.analysis.image_properties import measure
from cvlib.dashboard import DashboardError
from cvlib.dashboard.choose import ChosenRun, chosen_runs
from cvlib.dashboard.content import SavedView
from cvlib.dashboard.images import ImageFiles, image_files
from cvlib.dashboard.run_content import RunContent
from cvlib.dashboard.views import find_views
from cvlib.data.load import fetch, fingerprint, load
from cvlib.data.spec import DatasetSpec
from cvlib.project import Project
from cvlib.results.files import canonical_json, sha256_text
from cvlib.results.run import Predictions


@dataclass(frozen=True, eq=False)
class Content:
    """N images, those that any of the runs was tested on, and what the runs say of them.

    ids: (N,) positions in the dataset's own test split, rising; labels: (N,); runs: the first is
    the subject, which hardness, mistakenness and most views are of; properties: name -> (N,).
    """

    experiment: str
    profile: str
    title: str
    dataset: str
    fingerprints: tuple[str, ...]
    class_names: tuple[str, ...]
    ids: np.ndarray
    labels: np.ndarray
    images: ImageFiles
    runs: tuple[RunContent, ...]
    properties: dict[str, np.ndarray]

    @property
    def subject(self) -> RunContent:
        """The first run."""
        return self.runs[0]

    @cached_property
    def found_views(self) -> tuple[SavedView, ...]:
        """Every saved view."""
        return find_views(self.runs, self.ids, self.class_names)

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
        found = {
            "hardness": self._spread(self.subject, self.subject.hardness),
            "mistakenness": self._spread(self.subject, self.subject.mistakenness),
        }
        all_runs = np.array([self._spread(run, run.mistakenness) for run in self.runs])
        wrong = np.array([self._spread(run, ~run.correct) for run in self.runs])
        found["mistakenness_mean"] = np.nanmean(all_runs, axis=0)
        found["models_wrong"] = np.nansum(wrong, axis=0)
        return found | self.properties

    @property
    def sample_digest(self) -> str:
        """Of what is shown without any run: the images and their labels."""
        parts = [self.images.paths, self.images.keys, self.class_names]
        return sha256_text(canonical_json([self.ids.tolist(), self.labels.tolist(), *parts]))

    @property
    def value_digest(self) -> str:
        """Of the numbers and views, which follow from images and runs together."""
        views = [
            [v.name, v.description, v.colour, v.order, v.ids.tolist()] for v in self.found_views
        ]
        numbers = {name: sha256_text(repr(v.tolist())) for name, v in self.numbers.items()}
        return sha256_text(canonical_json([views, numbers]))

    @property
    def digest(self) -> str:
        """Of everything."""
        runs = [[run.field, run.digest] for run in self.runs]
        return sha256_text(canonical_json([self.sample_digest, self.value_digest, runs]))

    def _spread(self, run: RunContent, values: np.ndarray) -> np.ndarray:
        spread = np.full(len(self.ids), np.nan)
        spread[run.rows] = values
        return spread


def gather(layout: Project, experiment_id: str, names: Sequence[str] = ()) -> Content:
    """Everything that a dashboard of these runs shows; see `chosen_runs` for their names.

    The images are fetched if they are not on this machine. Raises DashboardError when the runs
    were not tested on the same dataset as it is now.
    """

    experiment = layout.experiment(experiment_id)
    chosen = chosen_runs(layout, experiment_id, names)
    specs = [DatasetSpec.model_validate(item.run.spec["dataset"]) for item in chosen]
    _check_data(layout, chosen, specs)
    predictions = [item.run.predictions() for item in chosen]
    ids = np.unique(np.concatenate([found.ids for found in predictions]))
    images = image_files(specs[0], ids, layout.data)
    for item, found in zip(chosen, predictions, strict=True):
        if not np.array_equal(images.labels[np.searchsorted(ids, found.ids)], found.labels):
            raise DashboardError(
                f"{item.title} was tested on other images than {chosen[0].title}; show them in "
                f"two dashboards: cvlib dashboard {item.experiment} --run {item.run.key[:12]}"
            )
    return Content(
        experiment=experiment_id,
        profile=layout.profile,
        title=experiment.title,
        dataset=specs[0].name,
        fingerprints=tuple(dict.fromkeys(item.run.dataset_fingerprint for item in chosen)),
        class_names=images.class_names,
        ids=ids,
        labels=images.labels,
        images=images,
        runs=tuple(
            RunContent.of(item, found, ids) for item, found in zip(chosen, predictions, strict=True)
        ),
        properties=_properties(layout, specs, predictions, ids, images.sizes),
    )


def _check_data(layout: Project, chosen: list[ChosenRun], specs: list[DatasetSpec]) -> None:
    fetch(specs[0], layout.data)
    now: dict[DatasetSpec, str] = {}
    for item, spec in zip(chosen, specs, strict=True):
        if spec.name != specs[0].name:
            raise DashboardError(
                f"{item.title} was tested on {spec.name}, {chosen[0].title} on {specs[0].name}; "
                "a dashboard shows the runs of one dataset"
            )
        key = spec.model_copy(update={"image_size": None, "channels": None})
        now[key] = now.get(key) or fingerprint(key, layout.data)
        if now[key] != item.run.dataset_fingerprint:
            raise DashboardError(
                f"{item.title}: the images of {spec.name} changed since it was tested; "
                f"`cvlib run {item.experiment}` tests it on those of today"
            )


def _properties(
    layout: Project,
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
        test = load(spec.model_copy(update=shown), layout.data).test
        rows = np.searchsorted(ids, test.ids)
        known = rows < len(ids)
        known[known] = ids[rows[known]] == test.ids[known]
        known[known] = ~done[rows[known]]
        rows = rows[known]
        for name, values in measure(test.images[known], sizes[rows]).items():
            found.setdefault(name, np.full(len(ids), np.nan))[rows] = values
        done[rows] = True
    return found
