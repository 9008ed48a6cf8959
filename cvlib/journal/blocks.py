"""The tables and figures that a chapter may ask of an experiment. Each is drawn by its own module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cvlib.journal.reading import Reading

if TYPE_CHECKING:
    from cvlib.journal.figure import ReportFigure
    from cvlib.journal.quantity import Markdown
    from cvlib.journal.variant_results import VariantResults

    Name = str | VariantResults


class Blocks(Reading):
    """Tables as Markdown, figures as SVG and PNG. Skipped variants are named in notes.

    width, height of a figure: a share of the text's width, and inches; None: what suits it.
    """

    # ── any experiment ───────────────────────────────────────────────────────────────────────

    def table(
        self,
        *columns: str,
        variants: list[Name] | None = None,
        reference: Name | None = None,
        target: float | str | None = None,
        note: bool = True,
    ) -> Markdown:
        """A row a variant, as a Markdown table with a note below.

        columns: of accuracy, val_accuracy, difference, p, parameters, flops, seconds,
        extract_seconds, knn, knn_20, ridge, images_per_second, best_epoch, epochs_to, seconds_to,
        epochs_to_own, seconds_to_own; none: accuracy, difference, parameters, flops, seconds.
        target: validation accuracy (0..1) for epochs_to and seconds_to, or `common`: 95% of the
        best that any run of the table reached, see `common_target`.
        """
        from cvlib.journal.table import results_table

        return results_table(self.results, columns, variants, reference, target, note)

    def learning_curves(
        self,
        *variants: Name,
        metrics: tuple[str, ...] = ("train_loss", "val_accuracy"),
        band: str = "range",
        width: float = 1.0,
        height: float | None = None,
    ) -> ReportFigure:
        """Curves by epoch: line is the mean, band the `range` of the seeds or the 95% `interval`.

        variants: all when none is named; more than five are spread over a panel a factor. Probes
        have no epochs and are left out.
        """
        from cvlib.journal.figure import of_size
        from cvlib.journal.learning_curves import learning_curves

        with of_size(width, height):
            return learning_curves(self.results, variants or None, metrics, band)

    def ablation(self, *variants: Name, reference: Name | None = None) -> ReportFigure:
        """Difference to the reference in points with 95% interval, and training time beside it."""
        from cvlib.journal.ablation import ablation

        return ablation(self.results, variants or None, reference)

    def accuracy_against_time(
        self, *variants: Name, width: float = 1.0, height: float | None = None
    ) -> ReportFigure:
        """Test accuracy against training seconds, with intervals and the Pareto front."""
        from cvlib.journal.accuracy_against_time import accuracy_against_time
        from cvlib.journal.figure import of_size

        with of_size(width, height):
            return accuracy_against_time(self.results, variants or None)

    def heat_map(
        self,
        rows: str = "train.schedule",
        columns: str = "train.optimizer.lr",
        metric: str = "test_accuracy",
        variants: list[Name] | None = None,
        width: float = 1.0,
        height: float | None = None,
    ) -> ReportFigure:
        """The mean of a metric for each pair of two settings, the best by validation outlined.

        rows, columns: keys of a run's spec; variants: those of the map; None: the largest set of
        variants that differ in these two settings only. A cell that diverged, failed or was
        skipped says so.
        """
        from cvlib.journal.figure import of_size
        from cvlib.journal.heat_map import heat_map

        with of_size(width, height):
            return heat_map(self.results, rows, columns, metric, variants)

    def data_curve(
        self,
        *groups: str | Mapping[str, Sequence[Name]],
        x: str = "train_images",
        metric: str = "test_accuracy",
        band: str = "interval",
        width: float = 1.0,
        height: float | None = None,
    ) -> ReportFigure:
        """Accuracy against training images, a line a family of models.

        groups: mappings label -> variants, or names of factors; none: every factor whose variants
        differ in dataset.subset. x: a metric, or a key of the spec such as dataset.subset.
        """
        from cvlib.journal.data_curve import data_curve
        from cvlib.journal.figure import of_size

        with of_size(width, height):
            return data_curve(self.results, groups, x, metric, band)

    def provenance(self) -> Markdown:
        """Runs, fresh or stale and why, device, threads, versions, commits, training time."""
        from cvlib.journal.provenance import provenance

        return provenance(self.results)

    def skipped(self, *variants: Name) -> Markdown:
        """Which variants were skipped, and why; empty when none was."""
        from cvlib.journal.skipped import skipped

        return skipped(self.results.chosen(variants or None))

    # ── frozen features ──────────────────────────────────────────────────────────────────────

    def embedding(
        self,
        *variants: Name,
        method: str = "tsne",
        titles: Sequence[str] | Mapping[str, str] | None = None,
        width: float = 1.0,
        height: float | None = None,
    ) -> ReportFigure:
        """Test features in the plane, a panel for each of at most four variants.

        method: `tsne` or `pca`; titles: of the panels, in order or by variant; None: labels.
        """
        from cvlib.journal.embedding import embedding
        from cvlib.journal.figure import of_size

        with of_size(width, height):
            return embedding(self.results, variants or None, method, titles)

    def few_shot(
        self, *variants: Name, band: str = "range", width: float = 1.0, height: float | None = None
    ) -> ReportFigure:
        """Accuracy against training images a class; band over seeds and draws."""
        from cvlib.journal.few_shot import few_shot
        from cvlib.journal.figure import of_size

        with of_size(width, height):
            return few_shot(self.results, variants or None, band)

    def separability(self, *variants: Name, note: bool = True) -> Markdown:
        """Silhouette, purity, k-NN, ridge and probe accuracy, and the classes that overlap most."""
        from cvlib.journal.separability import separability

        return separability(self.results, variants or None, note)

    def protocol(self, *variants: Name) -> Markdown:
        """Preprocessing and pooling of each backbone's features, as stored with the runs."""
        from cvlib.journal.protocol import protocol

        return protocol(self.results, variants or None)
