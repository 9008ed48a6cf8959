"""What every part of the mistakes reads from: joined predictions, pictures, scores, reviews."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cvlib.journal.errors import JournalError

if TYPE_CHECKING:
    import numpy as np

    from cvlib.analysis.confusion import ConfusedPair
    from cvlib.analysis.label_errors import LabelErrors
    from cvlib.analysis.slices import Patterns
    from cvlib.journal.calibrated import Calibrated
    from cvlib.journal.figure import ReportFigure
    from cvlib.journal.mistake_cases import Cases
    from cvlib.journal.mistake_pictures import Pictures
    from cvlib.journal.quantity import Markdown
    from cvlib.journal.variant_results import VariantResults
    from cvlib.results.reviews import Reviews


class MistakeReading:
    """Reads when first asked, and once. variants: the first is the subject, labels told apart."""

    def __init__(self, variants: Sequence[VariantResults]) -> None:
        from cvlib.journal.results import told_apart
        from cvlib.journal.variant_results import VariantResults

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

    @cached_property
    def cases(self) -> Cases:
        """Predictions joined by image; raises MissingResults when the subject has none."""
        from cvlib.journal.mistake_cases import Cases

        return Cases.join(self.variants)

    @cached_property
    def pictures(self) -> Pictures:
        """The pictures that the subject was tested on; not read before one is needed."""
        from cvlib.journal.mistake_pictures import Pictures

        return Pictures(self.cases.subject.run)

    @cached_property
    def class_names(self) -> list[str]:
        """As a run kept them, else as the dataset says."""
        return self.cases.stored_names or self.pictures.class_names

    @cached_property
    def short_names(self) -> list[str]:
        """The same for beside pictures: `T-shirt` of `T-shirt/top`, `tabby` of `cat/tabby`.

        The first or the last part of each, whole where two would be alike.
        """
        from cvlib.journal.classes import short_name

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
        from cvlib.analysis.confusion import confused_pairs

        subject = self.cases.subject
        return confused_pairs(subject.labels, subject.predicted, subject.classes)

    @cached_property
    def calibrated(self) -> Calibrated:
        """Calibration of the subject, mean over seeds."""
        from cvlib.journal.calibrated import calibrated

        return calibrated(self.cases.subject)

    @cached_property
    def scores(self) -> dict[str, np.ndarray]:
        """`hardness` and `mistakenness` (N,) of the subject's images, seeds averaged."""
        from cvlib.analysis.scores import hardness, mistakenness

        subject = self.cases.subject
        return {
            "hardness": hardness(subject.logits),
            "mistakenness": mistakenness(subject.logits, subject.labels),
        }

    @cached_property
    def label_errors_found(self) -> LabelErrors:
        """By confident learning, from the models that were tested on all of the subject's images."""
        from cvlib.analysis.label_errors import probable_label_errors

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

        from cvlib.analysis.clusters import clusters

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
        from cvlib.journal.mistake_pictures import layout_of
        from cvlib.results.reviews import read_reviews

        subject = self.cases.subject
        path = layout_of(subject.run).root / self.reviews_file
        found = read_reviews(path)
        if found is not None and found.dataset != subject.variant.variant.spec.dataset.name:
            raise JournalError(
                f"{path.name} reviews images of {found.dataset}, but {subject.variant.id} was "
                f"tested on {subject.variant.variant.spec.dataset.name}; "
                f"`cvlib dashboard {subject.variant.experiment}` reviews these"
            )
        return found

    @property
    def reviews_file(self) -> str:
        """`experiments/reviews/exp01.json`: where the verdicts are, from the project's root."""
        from cvlib.journal.mistake_pictures import layout_of

        layout = layout_of(self.cases.subject.run)
        path = layout.reviews / f"{self.cases.subject.variant.experiment}.json"
        return path.relative_to(layout.root).as_posix()

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
        from cvlib.analysis.review_sample import review_sample

        subject = self.cases.subject
        return review_sample(subject.ids[subject.wrong[0]])

    def _drawn(self, draw: Callable[..., ReportFigure], *args: Any) -> ReportFigure:
        """A figure; words in its place where the subject was skipped."""
        if self.is_skipped:
            from cvlib.journal.empty_figure import empty_figure
            from cvlib.journal.figure import styled

            return styled(empty_figure)(self.variants[:1])
        return draw(self, *args)

    def _table(self, make: Callable[..., Markdown], *args: Any) -> Markdown:
        """A table; the reason in its place where the subject was skipped."""
        if self.is_skipped:
            from cvlib.journal.skipped import skipped

            return skipped(self.variants[:1])
        return make(self, *args)
