"""Test predictions of several variants joined by image, and the pictures they were made of.

An image's outcome is its mean over a variant's seeds. Where one prediction an image is needed (a
picture's caption, its confidence, whether a model got it wrong) it is that of the softmax averaged
over the seeds (Lakshminarayanan et al., NeurIPS 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from cvlib.analysis.confidence import softmax
from cvlib.journal.errors import JournalError
from cvlib.journal.words import class_names, dataset_words

if TYPE_CHECKING:
    from cvlib.data.arrays import ImageData
    from cvlib.journal.results import VariantResults
    from cvlib.project import Project
    from cvlib.results.run import Run

_SMALLEST = 1e-30  # a probability whose logarithm float32 still holds


@dataclass(frozen=True, eq=False)
class Model:
    """One variant's answers to its own test images, seeds together.

    ids, labels: (N,) int64; predicted: (S, N) int64, of each seed; probabilities: (N, C) float64,
    softmax averaged over seeds.
    """

    variant: VariantResults
    ids: np.ndarray
    labels: np.ndarray
    predicted: np.ndarray
    probabilities: np.ndarray

    @classmethod
    def read(cls, variant: VariantResults) -> Model:
        """Read the predictions of every seed that has a result."""
        predictions = [run.predictions() for run in variant.need().runs.values()]
        first = predictions[0]
        if any(not np.array_equal(first.ids, other.ids) for other in predictions):
            raise JournalError(f"{variant.id}: its seeds were not tested on the same images")
        return cls(
            variant,
            first.ids,
            first.labels,
            np.stack([one.predicted for one in predictions]),
            np.mean([softmax(one.logits) for one in predictions], axis=0),
        )

    @property
    def run(self) -> Run:
        """The run of the first seed."""
        return next(iter(self.variant.runs.values()))

    @property
    def classes(self) -> int:
        """How many classes it tells apart."""
        return self.probabilities.shape[1]

    @cached_property
    def wrong(self) -> np.ndarray:
        """Whether each seed is wrong on each image, (S, N) bool."""
        return self.predicted != self.labels

    @cached_property
    def answer(self) -> np.ndarray:
        """Class with the highest averaged probability, (N,) int64."""
        return self.probabilities.argmax(axis=1)

    @cached_property
    def confidence(self) -> np.ndarray:
        """That probability, (N,) float64."""
        return self.probabilities.max(axis=1)

    @cached_property
    def mistaken(self) -> np.ndarray:
        """Whether the answer is wrong, (N,) bool."""
        return self.answer != self.labels

    @cached_property
    def logits(self) -> np.ndarray:
        """(N, C) numbers whose softmax is the averaged one, for scores that ask for logits."""
        return np.log(np.maximum(self.probabilities, _SMALLEST))

    @cached_property
    def row_of(self) -> dict[int, int]:
        """Image id -> its row."""
        return {image: row for row, image in enumerate(self.ids.tolist())}

    def rows(self, ids: np.ndarray) -> list[int]:
        """Rows of these image ids (K,)."""
        return [self.row_of[image] for image in ids.tolist()]


@dataclass(frozen=True, eq=False)
class Cases:
    """The subject and the other models that answered some of the same images.

    absent: asked for, but without results; apart: tested on none of the subject's images.
    """

    subject: Model
    others: tuple[Model, ...]
    absent: tuple[VariantResults, ...] = ()
    apart: tuple[VariantResults, ...] = ()

    @classmethod
    def join(cls, variants: Sequence[VariantResults]) -> Cases:
        """Read all that have results. Raises JournalError when images are not the same ones."""
        subject = Model.read(variants[0])
        read = [Model.read(variant) for variant in variants[1:] if variant.runs]
        for other in read:
            _check_same_dataset(subject, other)
        others = tuple(other for other in read if np.isin(other.ids, subject.ids).any())
        absent = tuple(variant for variant in variants[1:] if not variant.runs)
        apart = tuple(other.variant for other in read if other not in others)
        return cls(subject, others, absent, apart)

    @property
    def models(self) -> tuple[Model, ...]:
        """The subject, then the others."""
        return (self.subject, *self.others)

    @property
    def is_stale(self) -> bool:
        """Whether any result shown was made by code or an environment that changed since."""
        return any(model.variant.is_stale for model in self.models)

    @cached_property
    def shared(self) -> np.ndarray:
        """Ids of the images that every model answered, sorted."""
        ids = self.subject.ids
        for other in self.others:
            ids = np.intersect1d(ids, other.ids)
        return np.sort(ids)

    @cached_property
    def right(self) -> np.ndarray:
        """Whether each model's answer to each shared image is right, (M, K) bool."""
        return np.stack([~one.mistaken[one.rows(self.shared)] for one in self.models])

    @cached_property
    def complete(self) -> tuple[Model, ...]:
        """The models that answered all of the subject's images; the subject is the first."""
        wanted = self.subject.ids
        return tuple(m for m in self.models if np.isin(wanted, m.ids).all())

    @cached_property
    def pooled(self) -> np.ndarray:
        """Probabilities averaged over the complete models, (N, C), rows as the subject's."""
        ids = self.subject.ids
        return np.mean([one.probabilities[one.rows(ids)] for one in self.complete], axis=0)

    @cached_property
    def stored_names(self) -> list[str] | None:
        """Class names that one of the runs kept; None where none did."""
        for model in self.models:
            for run in model.variant.runs.values():
                if names := class_names(run, self.subject.classes):
                    return names[: self.subject.classes]
        return None

    def model(self, variant: str | VariantResults) -> Model:
        """The model of a variant by name or id; raises JournalError that lists those there are.

        MissingResults for one without results.
        """
        wanted = variant if isinstance(variant, str) else variant.id
        for one in self.absent:
            if wanted in (one.id, one.name):
                one.need()
        for model in self.models:
            if wanted in (model.variant.id, model.variant.name):
                return model
        raise JournalError(
            f"{wanted} is none of the variants asked for; there is: "
            f"{', '.join(model.variant.id for model in self.models)}"
        )


class Pictures:
    """Test images of one run, by id, with what is measured of them. Loads no torch."""

    def __init__(self, project: Project, run: Run) -> None:
        self._project = project
        self._run = run

    @cached_property
    def data(self) -> ImageData:
        """The dataset, fetched if need be; raises JournalError when it cannot be had, or differs."""
        from cvlib.data.load import DataError, DataUnavailable, load
        from cvlib.data.spec import DatasetSpec

        spec = DatasetSpec(**self._run.spec["dataset"])
        name = dataset_words(spec.name)
        try:
            found = load(spec, self._project.data)
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

    def of(self, ids: np.ndarray) -> np.ndarray:
        """Images (K, H, W, C) uint8 of these ids."""
        return self.data.test.images[self._rows(ids)]

    def names(self, ids: np.ndarray) -> list[str]:
        """Names such as `test/17`, or files' paths."""
        names = self.data.test.names
        return [names[row] for row in self._rows(ids).tolist()]

    def properties(self, ids: np.ndarray) -> dict[str, np.ndarray]:
        """Property -> (K,) float64 of these images."""
        from cvlib.analysis.image_properties import measure

        rows = self._rows(ids)
        return {name: values[rows] for name, values in measure(self.data.test.images).items()}

    @cached_property
    def _row_of(self) -> dict[int, int]:
        return {image: row for row, image in enumerate(self.data.test.ids.tolist())}

    def _rows(self, ids: np.ndarray) -> np.ndarray:
        return np.array([self._row_of[image] for image in np.ravel(ids).tolist()], dtype=np.int64)


def _check_same_dataset(subject: Model, other: Model) -> None:
    one, two = (model.variant.variant.spec.dataset.name for model in (subject, other))
    if one != two:
        # the ids of two datasets may well be alike
        raise JournalError(
            f"{subject.variant.id} was tested on {one}, {other.variant.id} on {two}; "
            "mistakes are compared on the same images"
        )
    _, mine, theirs = np.intersect1d(subject.ids, other.ids, return_indices=True)
    if subject.classes != other.classes or not np.array_equal(
        subject.labels[mine], other.labels[theirs]
    ):
        raise JournalError(
            f"{subject.variant.id} and {other.variant.id} have different labels for the same "
            "images; `cvlib status` says which of them is older than the data"
        )
