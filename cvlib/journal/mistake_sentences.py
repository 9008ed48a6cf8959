"""The values of mistakes that stand in a chapter's sentences. Of a skipped subject: `skipped`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from cvlib.journal.errors import JournalError
from cvlib.journal.mistake_reading import MistakeReading
from cvlib.journal.origin import keys_of
from cvlib.journal.quantity import Quantity, Skipped

if TYPE_CHECKING:
    from cvlib.analysis.confusion import ConfusedPair
    from cvlib.analysis.slices import Slice
    from cvlib.journal.mistake_cases import Cases
    from cvlib.journal.variant_results import VariantResults

    Name = str | VariantResults


class MistakeSentences(MistakeReading):
    """Inline values. Rates are means over the subject's seeds, intervals are over images (95%)."""

    def error(self) -> Quantity:
        """`8.4% [7.9, 8.9]`: share of the test images that are wrong."""
        from cvlib.journal.shares import over_images, share_quantity

        return self._said(
            lambda: share_quantity(over_images(self.cases.subject.wrong.mean(axis=0)), self._stale)
        )

    def images(self) -> Quantity:
        """`10,000`: test images of the subject."""
        return self._said(lambda: self._count(len(self.cases.subject.ids)))

    # ── calibration ──────────────────────────────────────────────────────────────────────────

    def ece(self) -> Quantity:
        """`2.1% [1.8, 2.6]`: expected calibration error, mean over seeds."""
        from cvlib.journal.shares import share_quantity

        return self._said(lambda: share_quantity(self.calibrated.ece, self._stale))

    def gap(self) -> Quantity:
        """`+2.0 [1.6, 2.4] points`: mean confidence minus accuracy; positive: too sure."""
        from cvlib.journal.calibrated import gap_quantity

        return self._said(lambda: gap_quantity(self.calibrated, self._stale))

    def confident(self, threshold: float = 0.9) -> Quantity:
        """`102 of 812 mistakes (12.6% [10.4, 15.0])`: wrong with at least this confidence.

        Of the softmax averaged over the seeds.
        """
        from cvlib.journal.shares import counted_share

        def count() -> Quantity:
            subject = self.cases.subject
            sure = int((subject.mistaken & (subject.confidence >= threshold)).sum())
            return counted_share(sure, int(subject.mistaken.sum()), "mistake", self._stale)

        return self._said(count)

    # ── classes ──────────────────────────────────────────────────────────────────────────────

    def pair(self, place: int = 0) -> Quantity:
        """`Shirt as T-shirt`: the most confused pair, or the one at `place` after it."""

        def words(pair: ConfusedPair) -> Quantity:
            true, predicted = self.short_names[pair.true], self.short_names[pair.predicted]
            return Quantity(f"{true} as {predicted}", stale=self._stale)

        return self._of_pair(place, words)

    def pair_share(self, place: int = 0) -> Quantity:
        """`12.1% [10.2, 14.3]`: of the class's images, those taken for the other."""
        from cvlib.journal.shares import share_quantity

        return self._of_pair(place, lambda pair: share_quantity(pair.share, self._stale))

    def pair_images(self, place: int = 0) -> Quantity:
        """`121`: images of that pair, mean over seeds."""
        return self._of_pair(place, lambda pair: self._count(pair.images))

    def share_of_errors(self, pairs: int = 3, either_way: bool = False) -> Quantity:
        """`46% [42, 49]`: of all mistakes, those of the most confused pairs.

        either_way: pairs of two classes, each taken for the other.
        """
        from cvlib.analysis.intervals import wilson_interval
        from cvlib.journal.shares import share_quantity

        if pairs < 1:
            raise JournalError(f"pairs {pairs!r}: expected at least 1")

        def share() -> Quantity:
            subject = self.cases.subject
            errors = round(float(subject.wrong.sum()) / len(subject.predicted))
            images: dict[tuple[int, int], float] = {}
            for pair in self.confused:
                ends = (pair.true, pair.predicted)
                key = (min(ends), max(ends)) if either_way else ends
                images[key] = images.get(key, 0.0) + pair.images
            of_pairs = round(sum(sorted(images.values())[-pairs:]))
            if not errors:
                return self._no_mistakes()
            return share_quantity(wilson_interval(min(of_pairs, errors), errors), self._stale)

        return self._said(share)

    # ── several models ───────────────────────────────────────────────────────────────────────

    def every_model_wrong(self) -> Quantity:
        """`37 of 2,000 images (1.9% [1.3, 2.5])`: all models wrong, seeds of each averaged."""
        from cvlib.journal.shares import counted_share

        def count() -> Quantity:
            wrong = int((~self.cases.right.any(axis=0)).sum())
            return counted_share(wrong, len(self.cases.shared), "image", self.cases.is_stale)

        return self._said(count, of=_all_models)

    def only_right(self, variant: Name) -> Quantity:
        """`58 of 2,000 images (2.9% [2.2, 3.7])`: those that this model alone gets right."""
        from cvlib.journal.shares import counted_share

        def count() -> Quantity:
            place = self.cases.models.index(self.cases.model(variant))
            alone = self.cases.right[place] & (self.cases.right.sum(axis=0) == 1)
            return counted_share(
                int(alone.sum()), len(self.cases.shared), "image", self.cases.is_stale
            )

        return self._said(count, variant, of=_all_models)

    def consistency(self, first: Name, second: Name | None = None) -> Quantity:
        """`0.54 [0.49, 0.58]`: error consistency (Geirhos et al., NeurIPS 2020), Cohen's kappa.

        Mean over pairs of one seed of each; without a second variant over pairs of the first's
        seeds. 0: they err on common images as often as chance has it, 1: on the same images.
        """
        from cvlib.journal.consistency import consistency

        def both(cases: Cases) -> list[VariantResults]:
            return [cases.model(name).variant for name in (first, second) if name is not None]

        return self._said(lambda: consistency(self.cases, first, second), first, second, of=both)

    def label_errors(self) -> Quantity:
        """`41 of 10,000 images (0.41% [0.30, 0.56])`: labels that are probably wrong.

        By confident learning (Northcutt et al., JAIR 2021); the interval is that of the share
        of images it would name, not of those that are truly wrong: for that see `verdict_share`.
        """
        from cvlib.journal.shares import counted_share

        return self._said(
            lambda: counted_share(
                len(self.label_errors_found.rows),
                len(self.cases.subject.ids),
                "image",
                self.cases.is_stale,
            ),
            of=lambda cases: [model.variant for model in cases.complete],
        )

    # ── patterns ─────────────────────────────────────────────────────────────────────────────

    def slice(self, place: int = 0) -> Quantity:
        """`dark Shirt`: the worst slice in words, or the one at `place` after it."""
        return self._of_slice(place, lambda one: Quantity(one.words, stale=self._stale))

    def slice_error(self, place: int = 0) -> Quantity:
        """`31% [27, 36]`: error in that slice."""
        from cvlib.journal.shares import share_quantity

        return self._of_slice(place, lambda one: share_quantity(one.rate, self._stale))

    def slice_rest(self, place: int = 0) -> Quantity:
        """`9.1% [8.0, 10.2]`: error in the rest of the same classes."""
        from cvlib.journal.shares import share_quantity

        return self._of_slice(place, lambda one: share_quantity(one.rest, self._stale))

    def slice_images(self, place: int = 0) -> Quantity:
        """`200`: images of that slice."""
        return self._of_slice(place, lambda one: self._count(one.images))

    def slices_found(self) -> Quantity:
        """`7`: slices on which the subject errs more, after correction for all that were tried."""
        return self._said(
            lambda: self._count(len(self.patterns.slices)), of=lambda _: self.of_patterns
        )

    def slices_tried(self) -> Quantity:
        """`131`: slices that were tried."""
        return self._said(lambda: self._count(self.patterns.tested), of=lambda _: self.of_patterns)

    # ── how ──────────────────────────────────────────────────────────────────────────────────

    @property
    def _stale(self) -> bool:
        return self.cases.subject.variant.is_stale

    def _count(self, number: float) -> Quantity:
        from cvlib.journal.shares import count_text

        return Quantity(count_text(number), float(number), stale=self._stale)

    def _said(
        self,
        compute: Callable[[], Quantity],
        *names: Name | None,
        of: Callable[[Cases], Iterable[VariantResults]] = lambda cases: [cases.subject.variant],
    ) -> Quantity:
        """A value; `skipped` or `left out` where the subject, or a variant asked for, was.

        of: the variants that it is computed from, to whose runs it is traced.
        """
        from cvlib.journal.inline import skipped

        wanted = {name if isinstance(name, str) else name.id for name in names if name is not None}
        for place, variant in enumerate(self.variants):
            if variant.is_skipped and (place == 0 or {variant.id, variant.name} & wanted):
                return skipped(variant)
        for variant in self.cases.apart:
            if {variant.id, variant.name} & wanted:
                reason = f"{variant.id} was tested on none of the images of {self.variants[0].id}"
                return Skipped("left out (no image in common)", reason=reason)
        return compute().traced(keys_of(of(self.cases)))

    def _no_mistakes(self) -> Skipped:
        label = self.cases.subject.variant.label
        return Skipped("none", reason=f"{label} makes no mistake, so this is no number")

    def _of_pair(self, place: int, words: Callable[[ConfusedPair], Quantity]) -> Quantity:
        def value() -> Quantity:
            if place < len(self.confused):
                return words(self.confused[place])
            reason = f"only {len(self.confused)} pairs of classes are confused, none at {place}"
            return Skipped("none", reason=reason) if self.confused else self._no_mistakes()

        return self._said(value)

    def _of_slice(self, place: int, words: Callable[[Slice], Quantity]) -> Quantity:
        def value() -> Quantity:
            slices = self.patterns.slices
            if place < len(slices):
                return words(slices[place])
            reason = f"{len(slices)} of {self.patterns.tested} slices stand out, none at {place}"
            return Skipped("none", reason=reason)

        return self._said(value, of=lambda _: self.of_patterns)


def _all_models(cases: Cases) -> list[VariantResults]:
    return [model.variant for model in cases.models]
