"""The mistakes of one variant, and of others on the same images, as a chapter sees them.

    from cvlib.journal import experiment, mistakes

    found = mistakes(exp01["convs-2"], exp02["last-two"], exp04["lite2"])
    found.confusion()
    found.gallery(["pairs:2", "confident"], each=8)

The first variant is the subject. What can be asked are the functions marked `@of_mistakes`, see
`functions`. Heavy packages and pictures are loaded when they are needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from cvlib.journal.errors import JournalError
from cvlib.journal.functions import Asked
from cvlib.journal.handle import note_file
from cvlib.journal.words import short_name

if TYPE_CHECKING:
    import numpy as np

    from cvlib.analysis.confidence import LabelErrors
    from cvlib.analysis.mistakes import ConfusedPair
    from cvlib.analysis.slices import Patterns
    from cvlib.journal.calibration import Calibrated
    from cvlib.journal.mistake_cases import Cases, Pictures
    from cvlib.journal.results import VariantResults
    from cvlib.results.reviews import Reviews


def mistakes(*variants: VariantResults) -> Mistakes:
    """The mistakes of the first variant, joined by image with the answers of the others.

    Reads nothing yet. Variants that were skipped or have no results are left out and named below
    what is shown; without the first there is nothing to show: it is `skipped`, or MissingResults
    is raised.
    """
    return Mistakes(variants)


class Mistakes(Asked):
    """What a chapter may ask of mistakes. Reads when first asked, and once.

    variants: the first is the subject, labels told apart.
    """

    _kind = "mistakes"

    def __init__(self, variants: Sequence[VariantResults]) -> None:
        from cvlib.journal.results import VariantResults, told_apart

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
        from cvlib.journal.mistake_cases import Cases

        return Cases.join(self.variants)

    @cached_property
    def pictures(self) -> Pictures:
        """The pictures that the subject was tested on; not read before one is needed."""
        from cvlib.journal.mistake_cases import Pictures

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
        from cvlib.analysis.mistakes import confused_pairs

        subject = self.cases.subject
        return confused_pairs(subject.labels, subject.predicted, subject.classes)

    @cached_property
    def calibrated(self) -> Calibrated:
        """Calibration of the subject, mean over seeds."""
        from cvlib.journal.calibration import calibrated

        return calibrated(self.cases.subject)

    @cached_property
    def scores(self) -> dict[str, np.ndarray]:
        """`hardness` and `mistakenness` (N,) of the subject's images, seeds averaged."""
        from cvlib.analysis.confidence import hardness, mistakenness

        subject = self.cases.subject
        return {
            "hardness": hardness(subject.logits),
            "mistakenness": mistakenness(subject.logits, subject.labels),
        }

    @cached_property
    def label_errors_found(self) -> LabelErrors:
        """By confident learning, from the models that were tested on all of the subject's images."""
        from cvlib.analysis.confidence import probable_label_errors

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
        return self.pictures.properties(self.cases.subject.ids)

    @cached_property
    def patterns(self) -> Patterns:
        """Slices of the pictures on which the subject errs more than on the rest."""
        from cvlib.analysis.slices import find_patterns

        subject = self.cases.subject
        return find_patterns(
            subject.wrong,
            subject.labels,
            self.properties,
            self.clusters,
            self.short_names,
        )

    @property
    def clusters(self) -> np.ndarray | None:
        """Cluster of each of the subject's images on a stored map (N,), −1 where it is not mapped.

        None when no run kept a map. The first that did, the subject's before the others', counts.
        """
        return self._mapped[1] if self._mapped is not None else None

    @property
    def of_patterns(self) -> list[VariantResults]:
        """The variants that the patterns are read from: the subject, and whose map has clusters."""
        maps = [self._mapped[0]] if self._mapped is not None else []
        return [self.cases.subject.variant, *maps]

    @cached_property
    def _mapped(self) -> tuple[VariantResults, np.ndarray] | None:
        """The variant whose map is used, and its clusters."""
        import numpy as np

        from cvlib.analysis.slices import clusters

        for model in self.cases.models:
            for run in model.variant.runs.values():
                if (stored := run.embedding()) is None:
                    continue
                ids = self.cases.subject.ids
                mapped = dict(zip(stored["ids"].tolist(), clusters(stored["tsne"], 0), strict=True))
                found = np.array([mapped.get(image, -1) for image in ids.tolist()])
                if (found >= 0).any():
                    return model.variant, found
        return None

    @cached_property
    def reviews(self) -> Reviews | None:
        """What a person said of the subject's experiment's test images; None before that."""
        subject, project = self.cases.subject, self.variants[0].project
        note_file(project.root / self.reviews_file)
        found = project.reviews_of(subject.variant.experiment)
        if found is not None and found.dataset != subject.variant.variant.spec.dataset.name:
            raise JournalError(
                f"{subject.variant.experiment}.json reviews images of {found.dataset}, but {subject.variant.id} was "
                f"tested on {subject.variant.variant.spec.dataset.name}; "
                f"`cvlib dashboard {subject.variant.experiment}` reviews these"
            )
        return found

    @property
    def reviews_file(self) -> str:
        """`experiments/reviews/exp01.json`: where the verdicts are, from the project's root."""
        project = self.variants[0].project
        path = project.reviews / f"{self.variants[0].experiment}.json"
        return path.relative_to(project.root).as_posix()

    @cached_property
    def verdicts(self) -> dict[int, str]:
        """Image id -> verdict, of the subject's images; empty before a review."""
        if self.reviews is None:
            return {}
        here = self.cases.subject.row_of
        return {image: said for image, said in self.reviews.verdicts().items() if image in here}

    @cached_property
    def sample(self) -> np.ndarray:
        """Ids of the random sample of the first seed's mistakes, which is for review, sorted."""
        from cvlib.analysis.mistakes import review_sample

        subject = self.cases.subject
        return review_sample(subject.ids[subject.wrong[0]])

    def _subject(self) -> Mistakes:
        """What the functions take as their first argument."""
        return self

    def __repr__(self) -> str:
        return f"<mistakes of {', '.join(variant.id for variant in self.variants)}>"
