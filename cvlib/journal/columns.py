"""The columns of an experiment's table: a head, what stands in a cell, and what is said below."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from cvlib.journal import convergence, numbers
from cvlib.journal.errors import JournalError
from cvlib.journal.inline import constant
from cvlib.journal.spread import of_difference, over_seeds
from cvlib.journal.variant_results import VariantResults

IMAGES_MARK = "‡"


@dataclass
class Context:
    """What cells need besides their variant. p: by id, filled when the column is asked for."""

    reference: VariantResults | None
    target: float | None
    p: dict[str, float] = field(default_factory=dict)
    over_images: bool = False  # whether a cell of `difference` has an interval over images

    def needs_reference(self) -> VariantResults:
        """The reference; raises JournalError when none was named."""
        if self.reference is None:
            raise JournalError(
                "the columns difference and p need a variant to compare with: reference=…"
            )
        return self.reference

    def needs_target(self) -> float:
        """The target; raises JournalError when none was given."""
        if self.target is None:
            raise JournalError(
                "the columns epochs_to and seconds_to need target=…, such as 0.85 or 'common'"
            )
        return self.target


@dataclass(frozen=True)
class Column:
    """head: with {target} and {reference}; note: for the line below the table.

    over_seeds: said after the note where there are several seeds; metric: that a run must have for
    a cell, where not every kind of run has it.
    """

    head: str
    cell: Callable[[VariantResults, Context], str]
    note: str = ""
    over_seeds: str = ""
    metric: str = ""


def _share(metric: str) -> Callable[[VariantResults, Context], str]:
    def cell(variant: VariantResults, _: Context) -> str:
        mean, interval, _over = over_seeds(variant, metric, 100)
        if interval is None:
            return numbers.fixed(mean, 2)
        return numbers.plus_minus(mean, interval.half_width)

    return cell


def _difference(variant: VariantResults, context: Context) -> str:
    reference = context.needs_reference()
    if variant.id == reference.id or not reference.runs:
        return numbers.NO_VALUE
    mean, interval, over = of_difference(variant, reference)
    if interval is None:
        return numbers.signed(mean, 2)
    context.over_images |= over == "images"
    text = numbers.difference(mean, interval.low, interval.high)
    return text + IMAGES_MARK * (over == "images")


def _p(variant: VariantResults, context: Context) -> str:
    p = context.p.get(variant.id)
    return numbers.NO_VALUE if p is None else numbers.p_value(p)[2:].removeprefix("= ")


def _count(metric: str) -> Callable[[VariantResults, Context], str]:
    return lambda variant, _: numbers.compact(constant(variant, metric).value or 0)


def _mega(metric: str) -> Callable[[VariantResults, Context], str]:
    return lambda variant, _: numbers.two_digits((constant(variant, metric).value or 0) / 1e6)


def _mean(metric: str) -> Callable[[VariantResults, Context], str]:
    return lambda variant, _: numbers.two_digits(variant.mean(metric))


def _reach(what: str, own_best: bool) -> Callable[[VariantResults, Context], str]:
    def cell(variant: VariantResults, context: Context) -> str:
        target = None if own_best else context.needs_target()
        return convergence.cell(variant, what, target)

    return cell


COLUMNS = {
    "accuracy": Column(
        "Test accuracy (%)",
        _share("test_accuracy"),
        over_seeds="accuracy: mean ± 95% t-interval over seeds",
    ),
    "val_accuracy": Column("Val accuracy (%)", _share("val_accuracy"), metric="val_accuracy"),
    "difference": Column(
        "Δ to {reference} (points)",
        _difference,
        "Δ: difference to {reference}",
        " paired by seed, with its 95% t-interval",
    ),
    "p": Column(
        "p",
        _p,
        "p: exact paired test against {reference} on the same test images, Holm-adjusted for "
        "all rows",
    ),
    "parameters": Column("Parameters", _count("parameters")),
    "flops": Column("MFLOPs", _mega("flops"), "MFLOPs: forward pass of one image", metric="flops"),
    "seconds": Column("Training (s)", _mean("train_seconds")),
    "extract_seconds": Column(
        "Extraction (s)",
        _mean("extract_seconds"),
        "extraction: of the frozen features",
        metric="extract_seconds",
    ),
    "knn": Column(
        "k-NN (%)",
        _share("knn_10_accuracy"),
        "k-NN: 10 nearest by cosine",
        metric="knn_10_accuracy",
    ),
    "knn_20": Column("20-NN (%)", _share("knn_20_accuracy"), metric="knn_20_accuracy"),
    "ridge": Column("Ridge (%)", _share("ridge_accuracy"), metric="ridge_accuracy"),
    "images_per_second": Column("Images/s", _mean("images_per_second"), metric="images_per_second"),
    "best_epoch": Column("Best epoch", _mean("best_epoch"), metric="best_epoch"),
    "epochs_to": Column(
        "Epochs to {target}",
        _reach("epochs", False),
        "epochs until validation accuracy is {target}{of_best}",
    ),
    "seconds_to": Column(
        "Seconds to {target}",
        _reach("seconds", False),
        "seconds until validation accuracy is {target}{of_best}",
    ),
    "epochs_to_own": Column(
        "Epochs to 95% of best",
        _reach("epochs", True),
        "best: the run's own best validation accuracy",
    ),
    "seconds_to_own": Column(
        "Seconds to 95% of best",
        _reach("seconds", True),
        "best: the run's own best validation accuracy",
    ),
}
