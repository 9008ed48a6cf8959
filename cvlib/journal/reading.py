"""What every part of a handle reads from: the layout, the experiment, and its results."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Concatenate, ParamSpec, Protocol, TypeVar

from cvlib.journal.origin import keys_of

if TYPE_CHECKING:
    from typing_extensions import Self

    from cvlib.journal.quantity import Quantity, Skipped
    from cvlib.journal.results import Results
    from cvlib.journal.variant_results import VariantResults
    from cvlib.project import Project
    from cvlib.studies.experiment import Experiment

Arguments = ParamSpec("Arguments")


class Traceable(Protocol):
    """What can name the runs it was computed from: a Quantity, a Comparison."""

    def traced(self, runs: Iterable[str], /) -> Self:
        """The same, these runs named."""


Value = TypeVar("Value", bound=Traceable)


class Reading:
    """One experiment and what the store holds of it."""

    def __init__(self, layout: Project, experiment: Experiment) -> None:
        self.layout = layout
        self._experiment = experiment

    @property
    def id(self) -> str:
        """`exp01`."""
        return self._experiment.id

    @property
    def source(self) -> str:
        """`experiments/exp01.yaml`: where it is declared, from the project's root."""
        return declared_in(self.layout, self.id)

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
        """A value of one variant, traced to its runs; says `skipped` where it was skipped."""
        variant = self.results.variant(name)
        if (said := _skipped((variant,))) is not None:
            return said
        return compute(variant, *args, **kwargs).traced(variant.keys)

    def _of_two(
        self,
        compute: Callable[Concatenate[VariantResults, VariantResults, Arguments], Value],
        first: str | VariantResults,
        second: str | VariantResults,
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Value | Skipped:
        """A value of two variants, traced to the runs of both; says `skipped` where one was."""
        pair = self.results.variant(first), self.results.variant(second)
        if (said := _skipped(pair)) is not None:
            return said
        return compute(*pair, *args, **kwargs).traced(keys_of(pair))


def _skipped(variants: Iterable[VariantResults]) -> Skipped | None:
    """What stands in place of a value of these variants where one was skipped."""
    from cvlib.journal.inline import skipped

    return next((skipped(variant) for variant in variants if variant.is_skipped), None)


def declared_in(layout: Project, experiment_id: str) -> str:
    """`experiments/exp01.yaml`: the file of an experiment, from the project's root."""
    return layout.experiment_file(experiment_id).relative_to(layout.root).as_posix()
