"""What every part of a handle reads from: the layout, the experiment, and its results."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

if TYPE_CHECKING:
    from cvlib.journal.quantity import Quantity, Skipped
    from cvlib.journal.results import Results
    from cvlib.journal.variant_results import VariantResults
    from cvlib.studies.experiment import Experiment
    from cvlib.studies.project import Layout

Arguments = ParamSpec("Arguments")
Value = TypeVar("Value")


class Reading:
    """One experiment and what the store holds of it."""

    def __init__(self, layout: Layout, experiment: Experiment) -> None:
        self.layout = layout
        self._experiment = experiment

    @property
    def id(self) -> str:
        """`exp01`."""
        return self._experiment.id

    @cached_property
    def results(self) -> Results:
        """What the store holds of every variant and seed; read once."""
        from cvlib.journal.results import Results
        from cvlib.results.store import Store
        from cvlib.studies.plan import make_plan
        from cvlib.studies.status import Inspector

        plan = make_plan(self._experiment, self.layout)
        statuses = Inspector(Store(self.layout.runs)).inspect(plan.runs)
        return Results.gather(self._experiment, statuses)

    def __getitem__(self, name: str) -> VariantResults:
        """A variant by name, to be compared with another experiment's: `exp02["fine-tuned"]`."""
        return self.results.variant(name)

    def _of(
        self,
        compute: Callable[Concatenate[VariantResults, Arguments], Quantity],
        name: str | VariantResults,
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Quantity:
        """A value of one variant; says `skipped` where it was skipped."""
        variant = self.results.variant(name)
        if variant.is_skipped:
            from cvlib.journal.inline import skipped

            return skipped(variant)
        return compute(variant, *args, **kwargs)

    def _of_two(
        self,
        compute: Callable[Concatenate[VariantResults, VariantResults, Arguments], Value],
        first: str | VariantResults,
        second: str | VariantResults,
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Value | Skipped:
        """A value of two variants; says `skipped` where one was skipped."""
        pair = self.results.variant(first), self.results.variant(second)
        for variant in pair:
            if variant.is_skipped:
                from cvlib.journal.inline import skipped

                return skipped(variant)
        return compute(*pair, *args, **kwargs)
