"""The mistakes of one variant, and of others on the same images: predictions joined by image, pictures.

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

from cvlib.analysis.confidence import (
    LabelErrors,
    hardness,
    mistakenness,
    probable_label_errors,
    softmax,
)
from cvlib.analysis.image_properties import measure
from cvlib.analysis.mistakes import ConfusedPair, confused_pairs, review_sample
from cvlib.analysis.slices import Patterns, clusters, find_patterns
from cvlib.journal.errors import JournalError
from cvlib.journal.handle import Asked, note_file
from cvlib.journal.results import VariantResults, told_apart
from cvlib.journal.words import class_names, dataset_words, short_name

if TYPE_CHECKING:
    from cvlib.analysis.confidence import Reliability
    from cvlib.data.arrays import ImageData
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


@dataclass(frozen=True, eq=False)
class Pictures:
    """Test images of one run, by id. Loads no torch."""

    project: Project
    run: Run

    @cached_property
    def data(self) -> ImageData:
        """The dataset, fetched if need be; raises JournalError when it cannot be had, or differs."""
        from cvlib.data.load import DataError, DataUnavailable, load
        from cvlib.data.spec import DatasetSpec

        spec = DatasetSpec(**self.run.spec["dataset"])
        name = dataset_words(spec.name)
        try:
            found = load(spec, self.project.data)
        except (DataError, DataUnavailable) as error:
            raise JournalError(
                f"the pictures of {name} are not here, and mistakes are shown with them: {error} "
                "`cvlib data` fetches and checks the data."
            ) from error
        if found.fingerprint != self.run.dataset_fingerprint:
            raise JournalError(
                f"{name} is not what run {self.run.key[:8]} was tested on (fingerprint "
                f"{found.fingerprint[:8]}, the run's is {self.run.dataset_fingerprint[:8]}). "
                "`cvlib data` checks the data, `cvlib run` trains again on what is here."
            )
        return found

    def of(self, ids: np.ndarray) -> np.ndarray:
        """Images (K, H, W, C) uint8 of these ids."""
        return self.data.test.images[self.rows(ids)]

    def names(self, ids: np.ndarray) -> list[str]:
        """Names such as `test/17`, or files' paths."""
        names = self.data.test.names
        return [names[row] for row in self.rows(ids).tolist()]

    @cached_property
    def _row_of(self) -> dict[int, int]:
        return {image: row for row, image in enumerate(self.data.test.ids.tolist())}

    def rows(self, ids: np.ndarray) -> np.ndarray:
        """Rows of these image ids (K,)."""
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


class Mistakes(Asked):
    """What a chapter may ask of mistakes. Reads when first asked, and once.

    variants: the first is the subject, labels told apart.
    """

    _kind = "mistakes"

    def __init__(self, variants: Sequence[VariantResults]) -> None:
        for variant in variants:
            if not isinstance(variant, VariantResults):
                raise JournalError(
                    f"mistakes of {variant!r}: expected variants, such as "
                    'mistakes(exp01["base"], exp02["probe"])'
                )
        if not variants:
            raise JournalError('mistakes of nothing: name a variant, mistakes(exp01["base"])')
        different = {variant.id: variant for variant in variants}
        self.variants = tuple(told_apart(list(different.values())))

    @property
    def is_skipped(self) -> bool:
        """Whether the subject was left out, its weights not to be had: there is nothing to show."""
        return self.variants[0].is_skipped

    @property
    def is_stale(self) -> bool:
        """Whether a result of the subject was made by code or an environment that changed since."""
        return self.variants[0].is_stale

    @cached_property
    def cases(self) -> Cases:
        """Predictions joined by image; raises MissingResults when the subject has none."""
        return Cases.join(self.variants)

    @cached_property
    def pictures(self) -> Pictures:
        """The pictures that the subject was tested on; not read before one is needed."""
        return Pictures(self.variants[0].project, self.cases.subject.run)

    @cached_property
    def class_names(self) -> list[str]:
        """As a run kept them, else as the dataset says."""
        return self.cases.stored_names or list(self.pictures.data.class_names)

    @cached_property
    def short_names(self) -> list[str]:
        """The same for beside pictures: `T-shirt` of `T-shirt/top`, `tabby` of `cat/tabby`.

        The first or the last part of each, whole where two would be alike.
        """
        names = self.class_names
        for short in (
            [short_name(name) for name in names],
            [short_name(name.rsplit("/", 1)[-1]) for name in names],
        ):
            if len(set(short)) == len(short):
                return short
        return names

    @cached_property
    def confused(self) -> list[ConfusedPair]:
        """Pairs of classes that the subject confuses, most images first, mean over seeds."""
        subject = self.cases.subject
        return confused_pairs(subject.labels, subject.predicted, subject.classes)

    @cached_property
    def calibrated(self) -> Reliability:
        """Calibration of the subject, mean over seeds."""
        from cvlib.journal.calibration import calibrated

        return calibrated(self.cases.subject)

    @cached_property
    def scores(self) -> dict[str, np.ndarray]:
        """`hardness` and `mistakenness` (N,) of the subject's images, seeds averaged."""
        subject = self.cases.subject
        return {
            "hardness": hardness(subject.logits),
            "mistakenness": mistakenness(subject.logits, subject.labels),
        }

    @cached_property
    def label_errors_found(self) -> LabelErrors:
        """By confident learning, from the models that were tested on all of the subject's images."""
        return probable_label_errors(self.cases.pooled, self.cases.subject.labels)

    @cached_property
    def suggested_labels(self) -> dict[int, int]:
        """Image id -> the class that a probable label error more likely is."""
        found = self.label_errors_found
        ids = self.cases.subject.ids[found.rows]
        return dict(zip(ids.tolist(), found.suggested.tolist(), strict=True))

    @cached_property
    def properties(self) -> dict[str, np.ndarray]:
        """Property -> (N,) of the subject's images."""
        rows = self.pictures.rows(self.cases.subject.ids)
        found = measure(self.pictures.data.test.images)
        return {name: values[rows] for name, values in found.items()}

    @cached_property
    def patterns(self) -> Patterns:
        """Slices of the pictures on which the subject errs more than on the rest."""
        subject = self.cases.subject
        return find_patterns(
            subject.wrong, subject.labels, self.properties, self.clusters, self.short_names
        )

    @property
    def clusters(self) -> np.ndarray | None:
        """Cluster of each of the subject's images on a stored map (N,), −1 where it is not mapped.

        None when no run kept a map. The first that did, the subject's before the others', counts.
        """
        return self._mapped[1]

    @property
    def of_patterns(self) -> list[VariantResults]:
        """The variants that the patterns are read from: the subject, and whose map has clusters."""
        return [self.cases.subject.variant, *self._mapped[0]]

    @cached_property
    def _mapped(self) -> tuple[list[VariantResults], np.ndarray | None]:
        for model in self.cases.models:
            for run in model.variant.runs.values():
                if (stored := run.embedding()) is None:
                    continue
                ids = self.cases.subject.ids
                mapped = dict(zip(stored["ids"].tolist(), clusters(stored["tsne"], 0), strict=True))
                found = np.array([mapped.get(image, -1) for image in ids.tolist()])
                if (found >= 0).any():
                    return [model.variant], found
        return [], None

    @property
    def reviews_file(self) -> str:
        """`experiments/reviews/exp01.json`: where the verdicts are, from the project's root."""
        project = self.variants[0].project
        path = project.reviews / f"{self.variants[0].experiment}.json"
        return path.relative_to(project.root).as_posix()

    @cached_property
    def verdicts(self) -> dict[int, str]:
        """Image id -> a person's verdict, of the subject's images; empty before a review."""
        subject, variant = self.cases.subject, self.cases.subject.variant
        note_file(variant.project.root / self.reviews_file)
        found = variant.project.reviews_of(variant.experiment)
        if found is None:
            return {}
        if found.dataset != variant.variant.spec.dataset.name:
            raise JournalError(
                f"{variant.experiment}.json reviews images of {found.dataset}, but {variant.id} was "
                f"tested on {variant.variant.spec.dataset.name}; "
                f"`cvlib dashboard {variant.experiment}` reviews these"
            )
        return {image: said for image, said in found.verdicts().items() if image in subject.row_of}

    @cached_property
    def sample(self) -> np.ndarray:
        """Ids of the random sample of the first seed's mistakes, which is for review, sorted."""
        subject = self.cases.subject
        return review_sample(subject.ids[subject.wrong[0]])

    def __repr__(self) -> str:
        return f"<mistakes of {', '.join(variant.id for variant in self.variants)}>"
