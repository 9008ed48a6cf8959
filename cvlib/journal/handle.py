"""An experiment as a chapter sees it.

    from cvlib.journal import experiment

    exp = experiment("exp01")
    exp.run()                      # trains what is missing; everything else only reads
    exp.table("accuracy", "seconds")
    exp.ablation()

Heavy packages are imported by the methods that need them: a chapter that shows no figure imports
no matplotlib, and none imports torch.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cvlib.journal.errors import JournalError

if TYPE_CHECKING:
    import pandas as pd

    from cvlib.journal.comparison import Comparison, Comparisons
    from cvlib.journal.figure import ReportFigure
    from cvlib.journal.quantity import Markdown, Quantity
    from cvlib.journal.results import Results, VariantResults
    from cvlib.results.run import Predictions
    from cvlib.studies.experiment import Experiment
    from cvlib.studies.project import Layout

    Name = str | VariantResults


def experiment(
    name: str, *, root: Path | None = None, profile: str | None = None
) -> ExperimentHandle:
    """The experiment of `experiments/<name>.yaml` in the project that the working folder lies in.

    root, profile: instead of the ones found (see `studies.project.find_layout`).
    Raises SpecError or ProjectError when there is no such experiment, or its YAML is wrong.
    """
    from cvlib.studies.experiment import load_experiment
    from cvlib.studies.project import find_layout

    layout = find_layout(root, profile)
    return ExperimentHandle(layout, load_experiment(layout, name))


class ExperimentHandle:
    """What a chapter may ask of one experiment. Variants are given by name, or as handles."""

    def __init__(self, layout: Layout, experiment: Experiment) -> None:
        self.layout = layout
        self._experiment = experiment

    # ── running ──────────────────────────────────────────────────────────────────────────────

    def run(self) -> ExperimentHandle:
        """Train what is missing or stale by spec or data, in a process of its own; then read.

        Starts nothing when nothing is to do. Raises JournalError when runs still have no result
        afterwards; a run that diverged is a result of its own kind and stands in the table as
        failed.
        """
        from cvlib.studies.status import needs_work

        if any(needs_work(status, None) for status in self.results.statuses):
            from cvlib.journal.running import run_missing

            run_missing(self.layout, self.id)
            self.__dict__.pop("results", None)
            left = [s for s in self.results.statuses if needs_work(s, None)]
            if left:
                lines = [f"  {s.planned.name}: {s.state} {s.reason}".rstrip() for s in left[:8]]
                raise JournalError(
                    f"{len(left)} of {len(self.results.statuses)} runs of {self.id} have no "
                    f"result:\n" + "\n".join(lines) + f"\n`cvlib run {self.id}` tries them again."
                )
        return self

    @cached_property
    def results(self) -> Results:
        """What the store holds of every variant and seed; read once."""
        from cvlib.journal.results import Results
        from cvlib.results.store import Store
        from cvlib.studies.fingerprints import Fingerprints
        from cvlib.studies.plan import make_plan
        from cvlib.studies.status import Inspector

        fingerprints = Fingerprints(self.layout.data, self.layout.runs)
        plan = make_plan(self._experiment, fingerprints)
        statuses = Inspector(Store(self.layout.runs)).inspect(plan.runs)
        return Results.gather(self._experiment, statuses)

    # ── tables and figures ───────────────────────────────────────────────────────────────────

    def table(
        self,
        *columns: str,
        variants: list[Name] | None = None,
        reference: Name | None = None,
        target: float | None = None,
        note: bool = True,
    ) -> Markdown:
        """A row a variant, as a Markdown table with a note below.

        columns: of accuracy, val_accuracy, difference, p, parameters, flops, seconds,
        images_per_second, best_epoch, epochs_to, seconds_to, epochs_to_own; none: accuracy,
        difference, parameters, flops, seconds. target: validation accuracy (0..1) for epochs_to.
        """
        from cvlib.journal.table import results_table

        return results_table(self.results, columns, variants, reference, target, note)

    def learning_curves(
        self,
        *variants: Name,
        metrics: tuple[str, ...] = ("train_loss", "val_accuracy"),
        band: str = "range",
    ) -> ReportFigure:
        """Curves by epoch: line is the mean, band the `range` of the seeds or the 95% `interval`.

        variants: all when none is named; more than five are spread over a panel a factor.
        """
        from cvlib.journal.learning_curves import learning_curves

        return learning_curves(self.results, variants or None, metrics, band)

    def ablation(self, *variants: Name, reference: Name | None = None) -> ReportFigure:
        """Difference to the reference in points with 95% interval, and training time beside it."""
        from cvlib.journal.ablation import ablation

        return ablation(self.results, variants or None, reference)

    def accuracy_against_time(self, *variants: Name) -> ReportFigure:
        """Test accuracy against training seconds, with intervals and the Pareto front."""
        from cvlib.journal.accuracy_against_time import accuracy_against_time

        return accuracy_against_time(self.results, variants or None)

    def provenance(self) -> Markdown:
        """Runs, fresh or stale and why, device, threads, versions, commits, training time."""
        from cvlib.journal.provenance import provenance

        return provenance(self.results)

    # ── inline values ────────────────────────────────────────────────────────────────────────

    def accuracy(self, variant: Name = "base", metric: str = "test_accuracy") -> Quantity:
        """`91.23 ± 0.31%`: mean and 95% t-interval over seeds."""
        from cvlib.journal import inline

        return inline.share(self.results.variant(variant), metric)

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

        pair = self.results.variant(first), self.results.variant(second)
        return inline.difference(*pair, metric, plus)

    def last_epoch(self, metric: str, variant: Name = "base") -> Quantity:
        """`94.5%`: train_accuracy or val_accuracy after the last epoch, mean over seeds."""
        from cvlib.journal import inline

        return inline.last_epoch(self.results.variant(variant), metric)

    def compare(self, first: Name, second: Name = "base") -> Comparison:
        """`p = 0.003`: exact paired test on the same test images; `.verdict`, `.difference`."""
        from cvlib.journal.comparison import compare

        return compare([(self.results.variant(first), self.results.variant(second))])[0]

    def comparisons(self, *variants: Name, reference: Name | None = None) -> Comparisons:
        """Each variant against the reference, p-values Holm-adjusted together; shown as a table."""
        from cvlib.journal.comparison import Comparisons, compare

        base = self.results.reference(reference)
        chosen = self.results.shown(self.results.chosen(variants or None))
        pairs = [(variant, base) for variant in chosen if variant.name != base.name]
        if not pairs:
            raise JournalError(f"{self.id}: no variant to compare with {base.name!r}")
        return Comparisons({found.first.name: found for found in compare(pairs)})

    def seconds(self, variant: Name = "base") -> Quantity:
        """`41 s`: mean training time of one run."""
        from cvlib.journal import inline

        return inline.duration(self.results.variant(variant))

    def ratio(self, metric: str, first: Name, second: Name = "base") -> Quantity:
        """`1.8`: mean of a metric of first over that of second, to be followed by `times`."""
        from cvlib.journal import inline

        return inline.quotient(metric, self.results.variant(first), self.results.variant(second))

    def parameters(self, variant: Name = "base") -> Quantity:
        """`0.39M`: trained parameters."""
        from cvlib.journal import inline

        return inline.constant(self.results.variant(variant), "parameters")

    def flops(self, variant: Name = "base") -> Quantity:
        """`8.7 MFLOPs`: forward pass of one image, a multiply-add counted as two."""
        from cvlib.journal import inline

        return inline.constant(self.results.variant(variant), "flops")

    def metric(self, name: str, variant: Name = "base") -> Quantity:
        """Any stored metric, mean over seeds."""
        from cvlib.journal import inline

        return inline.mean(self.results.variant(variant), name)

    def best(
        self, metric: str = "test_accuracy", *, among: list[Name] | None = None
    ) -> VariantResults:
        """The variant with the highest mean (lowest for losses and times); has .name and .label.

        The best of many by test accuracy is lucky as well as good: say that it was chosen so, or
        choose by val_accuracy.
        """
        shown = self.results.shown(self.results.chosen(among))
        low = metric.endswith(("loss", "seconds")) or metric in (
            "parameters",
            "flops",
            "best_epoch",
        )
        sign = -1 if low else 1
        return max(shown, key=lambda variant: sign * float(variant.values(metric).mean()))

    # ── what was asked, and how large it is ──────────────────────────────────────────────────

    @property
    def id(self) -> str:
        """`exp01`."""
        return self._experiment.id

    @property
    def title(self) -> str:
        """The title in its YAML."""
        return self._experiment.title

    @property
    def question(self) -> str:
        """The question in its YAML."""
        return self._experiment.question

    @property
    def variants(self) -> tuple[VariantResults, ...]:
        """All variants, in the order of the YAML; each has .name, .label, .factor."""
        return self.results.variants

    @property
    def runs(self) -> Quantity:
        """How many runs the experiment asks for."""
        return self._count(len(self._experiment.variants) * len(self._experiment.seeds))

    @property
    def seeds(self) -> Quantity:
        """How many seeds each variant is run with."""
        return self._count(len(self._experiment.seeds))

    @property
    def epochs(self) -> Quantity:
        """Epochs of the base, or of the first variant where none is named so."""
        named = {variant.name: variant for variant in self._experiment.variants}
        return self._count(named.get("base", self._experiment.variants[0]).spec.train.epochs)

    @property
    def dataset(self) -> str:
        """The dataset in words: `Fashion-MNIST`."""
        from cvlib.journal.words import dataset_words, listed

        names = [dataset_words(v.spec.dataset.name) for v in self._experiment.variants]
        return listed(list(dict.fromkeys(names)))

    def images(self, split: str) -> Quantity:
        """How many images `train`, `val` or `test` has, of any run."""
        if split not in ("train", "val", "test"):
            raise JournalError(f"split {split!r}: expected train, val or test")
        variant = self.results.shown(self.results.chosen(None))[0]
        run = next(iter(variant.runs.values()))
        if split == "test":
            return self._count(len(run.predictions().labels))
        return self._count(int(variant.value(f"{split}_images", run_seed(variant))))

    # ── data ─────────────────────────────────────────────────────────────────────────────────

    def metrics(self) -> pd.DataFrame:
        """One row a run: variant, label, factor, seed, key, state, then every metric."""
        from cvlib.journal.frames import metrics_frame

        return metrics_frame(self.results)

    def history(self) -> pd.DataFrame:
        """One row an epoch of a run: who, then epoch, losses, accuracies, lr, seconds."""
        from cvlib.journal.frames import history_frame

        return history_frame(self.results)

    def predictions(self, variant: Name, seed: int) -> Predictions:
        """Test logits (N, C), labels (N,) and ids (N,) of one run."""
        found = self.results.variant(variant).need()
        if seed not in found.runs:
            raise JournalError(
                f"{self.id}/{found.name} has no result for seed {seed}; it has: {list(found.runs)}"
            )
        return found.runs[seed].predictions()

    def _count(self, number: int) -> Quantity:
        from cvlib.journal.quantity import Quantity

        return Quantity(f"{number:,}", number)

    def __repr__(self) -> str:
        return f"<{self.id}: {self.title}; {len(self._experiment.variants)} variants>"

    def _ipython_display_(self) -> None:
        """Shown at the end of a cell: nothing, or a warning when results are stale."""
        from cvlib.journal.staleness import callout

        if warning := callout(self.results):
            from IPython.display import Markdown, display

            display(Markdown(warning))  # type: ignore[no-untyped-call]


def run_seed(variant: VariantResults) -> int:
    """The first seed that has a result."""
    return next(iter(variant.need().runs))
