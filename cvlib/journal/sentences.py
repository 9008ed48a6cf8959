"""The values that stand in a chapter's sentences. Of a skipped variant each says `skipped`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cvlib.journal.origin import keys_of
from cvlib.journal.reading import Reading

if TYPE_CHECKING:
    from cvlib.journal.comparison import Comparison
    from cvlib.journal.comparisons import Comparisons
    from cvlib.journal.quantity import Quantity, Skipped
    from cvlib.journal.trade_off import Variants
    from cvlib.journal.variant_results import VariantResults

    Name = str | VariantResults


class Sentences(Reading):
    """Inline values. Variants are given by name or as handles, also of another experiment."""

    # ── one variant ──────────────────────────────────────────────────────────────────────────

    def accuracy(self, variant: Name = "base", metric: str = "test_accuracy") -> Quantity:
        """`91.23 ± 0.31%`: mean and 95% t-interval over seeds.

        `91.23% (every seed)` where nothing is random, such as a probe of pretrained features;
        `68.2 ± 1.8% (interval over images)` where the run kept one, as for knn_purity.
        """
        from cvlib.journal import inline

        return self._of(inline.share, variant, metric)

    def last_epoch(self, metric: str, variant: Name = "base") -> Quantity:
        """`94.5%`: train_accuracy or val_accuracy after the last epoch, mean over seeds."""
        from cvlib.journal import inline

        return self._of(inline.last_epoch, variant, metric)

    def seconds(self, variant: Name = "base", metric: str = "train_seconds") -> Quantity:
        """`41 s`: mean training time of one run; of a probe extraction and solving."""
        from cvlib.journal import inline

        return self._of(inline.duration, variant, metric)

    def parameters(self, variant: Name = "base") -> Quantity:
        """`0.39M`: trained parameters."""
        from cvlib.journal import inline

        return self._of(inline.constant, variant, "parameters")

    def flops(self, variant: Name = "base") -> Quantity:
        """`8.7 MFLOPs`: forward pass of one image, a multiply-add counted as two."""
        from cvlib.journal import inline

        return self._of(inline.constant, variant, "flops")

    def metric(self, name: str, variant: Name = "base") -> Quantity:
        """Any stored metric, mean over seeds with its 95% interval where seeds differ."""
        from cvlib.journal import inline

        return self._of(inline.mean, variant, name)

    def seconds_to(
        self,
        variant: Name = "base",
        target: float | str | None = None,
        among: list[Name] | None = None,
    ) -> Quantity:
        """`12 s`: training time until a validation accuracy; None: 95% of the run's own best.

        target: a share (0..1), or `common`: that of the variants `among`, None: of all.
        """
        return self._to("seconds", variant, target, among)

    def epochs_to(
        self,
        variant: Name = "base",
        target: float | str | None = None,
        among: list[Name] | None = None,
    ) -> Quantity:
        """`3.5 epochs`: the same in epochs."""
        return self._to("epochs", variant, target, among)

    def common_target(self, *variants: Name) -> Quantity:
        """`82.9%`: 95% of the best validation accuracy that any run of the variants reached.

        One target for all, that a weak variant may miss. None named: of all variants.
        """
        from cvlib.journal import convergence, inline
        from cvlib.journal.quantity import Quantity

        shown = self.results.shown(self.results.chosen(variants or None))
        target = convergence.common_target(shown)
        if target is None:
            return inline.skipped(self.results.chosen(variants or None)[0])
        stale = any(variant.is_stale for variant in shown)
        return Quantity(f"{100 * target:g}%", 100 * target, stale=stale, runs=keys_of(shown))

    def _to(
        self, what: str, variant: Name, target: float | str | None, among: list[Name] | None
    ) -> Quantity:
        from cvlib.journal import convergence

        shown = [one for one in self.results.chosen(among) if one.runs]
        share = convergence.target_of(target, shown)
        runs = keys_of(shown) if target == convergence.COMMON else ()
        return self._of(convergence.quantity, variant, what, share).traced(runs)

    def few_shot_accuracy(self, variant: Name, shots: int | str) -> Quantity:
        """`71.2 ± 1.4%`: of a probe with so many training images a class, over seeds and draws.

        `left out (too few images a class)` where the data could not fill them.
        """
        from cvlib.journal.few_shot import few_shot_quantity

        return self._of(few_shot_quantity, variant, shots)

    def overlap(self, variant: Name, pairs: int = 1) -> Quantity:
        """`Shirt / T-shirt 21%`: the classes whose features overlap most."""
        from cvlib.journal.separability import overlap_quantity

        return self._of(overlap_quantity, variant, pairs)

    # ── two variants ─────────────────────────────────────────────────────────────────────────

    def difference(
        self,
        first: Name,
        second: Name = "base",
        metric: str = "test_accuracy",
        plus: bool = True,
    ) -> Quantity:
        """`+0.84 [0.31, 1.37] points`: first minus second, paired by seed.

        plus=False leaves the plus out, for sentences such as "loses 0.84 points".
        """
        from cvlib.journal import inline

        return self._of_two(inline.difference, first, second, metric, plus)

    def ratio(self, metric: str, first: Name, second: Name = "base") -> Quantity:
        """`1.8`: mean of a metric of first over that of second, to be followed by `times`."""
        from cvlib.journal import inline

        return self._of_two(inline.quotient, first, second, metric)

    def compare(self, first: Name, second: Name = "base") -> Comparison | Skipped:
        """`p = 0.003`: exact paired test on the same test images; `.verdict`, `.difference`."""
        from cvlib.journal.comparison import compare

        return self._of_two(lambda one, other: compare([(one, other)])[0], first, second)

    def comparisons(self, *variants: Name, reference: Name | None = None) -> Comparisons:
        """Each variant against the reference, p-values Holm-adjusted together; shown as a table.

        `tests["probe"]` by name; by id, `tests["exp02/probe"]`, where two experiments share it.
        """
        from cvlib.journal.comparison import compare
        from cvlib.journal.comparisons import Comparisons

        base, others = self.results.against(reference, variants or None)
        if base.is_skipped:
            return Comparisons(base, others, [])
        pairs = [(variant, base) for variant in self.results.shown(others)]
        return Comparisons(base, others, compare(pairs))

    # ── a family over training sizes ─────────────────────────────────────────────────────────

    def gain_per_doubling(self, *members: Name) -> Quantity:
        """`+3.5 [3.1, 3.9] points`: test accuracy for each doubling of the training images.

        members: the same model with different numbers of training images.
        """
        from cvlib.journal.data_efficiency import gain_per_doubling
        from cvlib.journal.inline import skipped

        family = [self.results.variant(name) for name in members]
        if family and all(variant.is_skipped for variant in family):
            return skipped(family[0])
        return gain_per_doubling(family).traced(keys_of(family))

    def images_to_match(self, rival: Name, *members: Name) -> Quantity:
        """`5,700`, `more than 28,800`: training images at which the family equals the rival."""
        from cvlib.journal.data_efficiency import images_to_match

        family = [self.results.variant(name) for name in members]
        return self._of(lambda one: images_to_match(family, one), rival).traced(keys_of(family))

    # ── choosing among variants ──────────────────────────────────────────────────────────────

    def best(self, by: str = "test_accuracy", *, among: list[Name] | None = None) -> VariantResults:
        """The variant with the highest mean (lowest for losses and times); has .name and .label.

        The best of many by test accuracy is lucky as well as good: say that it was chosen so, or
        choose by val_accuracy. Skipped variants are left out.
        """
        from cvlib.journal.trade_off import best

        return best(self.results.shown(self.results.chosen(among)), by)

    def pareto(self, *variants: Name, by: str = "test_accuracy") -> Variants:
        """`a, b and c`: the variants that no other beats in training time and accuracy."""
        from cvlib.journal.trade_off import front

        return front(self.results.shown(self.results.chosen(variants or None)), by)

    def trade_off(
        self,
        within: float = 1.0,
        *,
        by: str = "val_accuracy",
        among: list[Name] | None = None,
    ) -> VariantResults:
        """The quickest variant whose accuracy is within so many points of the best one's.

        Chosen by validation accuracy, so that its test accuracy is no luckier than any other's.
        """
        from cvlib.journal.trade_off import trade_off

        return trade_off(self.results.shown(self.results.chosen(among)), within, by)
