"""The pictures that a variant was tested on, read when the first of them is needed."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from cvlib.journal.errors import JournalError
from cvlib.journal.words import dataset_words

if TYPE_CHECKING:
    from cvlib.data.arrays import ImageData
    from cvlib.project import Project
    from cvlib.results.run import Run


class Pictures:
    """Test images of one run, by id, with what is measured of them. Loads no torch."""

    def __init__(self, run: Run) -> None:
        self._run = run

    @cached_property
    def data(self) -> ImageData:
        """The dataset, fetched if need be; raises JournalError when it cannot be had, or differs."""
        from cvlib.data.load import DataError, DataUnavailable, load
        from cvlib.data.spec import DatasetSpec

        spec = DatasetSpec(**self._run.spec["dataset"])
        name = dataset_words(spec.name)
        try:
            found = load(spec, layout_of(self._run).data)
        except (DataError, DataUnavailable) as error:
            raise JournalError(
                f"the pictures of {name} are not here, and mistakes are shown with them: {error} "
                "`cvlib data` fetches and checks the data."
            ) from error
        if found.fingerprint != self._run.dataset_fingerprint:
            raise JournalError(
                f"{name} is not what run {self._run.key[:8]} was tested on (fingerprint "
                f"{found.fingerprint[:8]}, the run's is {self._run.dataset_fingerprint[:8]}). "
                "`cvlib data` checks the data, `cvlib run` trains again on what is here."
            )
        return found

    @property
    def class_names(self) -> list[str]:
        """One name a class, in the order of labels."""
        return list(self.data.class_names)

    def of(self, ids: np.ndarray) -> np.ndarray:
        """Images (K, H, W, C) uint8 of these ids."""
        return self.data.test.images[self._rows(ids)]

    def names(self, ids: np.ndarray) -> list[str]:
        """Names such as `test/17`, or files' paths."""
        names = self.data.test.names
        return [names[row] for row in self._rows(ids).tolist()]

    @cached_property
    def measured(self) -> dict[str, np.ndarray]:
        """Property -> (N,) float64 of all test images, in the order of the dataset."""
        from cvlib.analysis.image_properties import measure

        return measure(self.data.test.images)

    def properties(self, ids: np.ndarray) -> dict[str, np.ndarray]:
        """Property -> (K,) float64 of these images."""
        rows = self._rows(ids)
        return {name: values[rows] for name, values in self.measured.items()}

    @cached_property
    def _row_of(self) -> dict[int, int]:
        return {image: row for row, image in enumerate(self.data.test.ids.tolist())}

    def _rows(self, ids: np.ndarray) -> np.ndarray:
        return np.array([self._row_of[image] for image in np.ravel(ids).tolist()], dtype=np.int64)


def layout_of(run: Run) -> Project:
    """The project and profile in whose store a run lies."""
    from cvlib.project import PROFILES, Project

    runs = run.folder.parent
    for profile in PROFILES:
        if (layout := Project(runs.parent.parent, profile)).runs == runs:
            return layout
    raise JournalError(f"run {run.key[:8]} lies in no store of the project: {runs}")
