"""What the store holds of one experiment, by variant and seed. Reads; never trains."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cvlib.journal.errors import JournalError, MissingResults
from cvlib.journal.variant_results import VariantResults
from cvlib.journal.words import counted

if TYPE_CHECKING:
    from cvlib.studies.experiment import Experiment
    from cvlib.studies.status import RunStatus


@dataclass(frozen=True, repr=False)
class Results:
    """All variants of one experiment, in the order of its YAML."""

    experiment: Experiment
    variants: tuple[VariantResults, ...]

    @classmethod
    def gather(cls, experiment: Experiment, statuses: Iterable[RunStatus]) -> Results:
        """Sort run states by variant."""
        by_name: dict[str, list[RunStatus]] = {v.name: [] for v in experiment.variants}
        for status in statuses:
            by_name[status.planned.variant].append(status)
        return cls(
            experiment,
            tuple(
                VariantResults(experiment.id, variant, tuple(by_name[variant.name]))
                for variant in experiment.variants
            ),
        )

    @property
    def statuses(self) -> list[RunStatus]:
        """States of all runs, variants in order, seeds within."""
        return [status for variant in self.variants for status in variant.statuses]

    def variant(self, name: str | VariantResults) -> VariantResults:
        """The variant of that name; raises JournalError that lists the names there are.

        One of another experiment stands for itself.
        """
        if isinstance(name, VariantResults) and name.experiment != self.experiment.id:
            return name
        wanted = name.name if isinstance(name, VariantResults) else name
        for variant in self.variants:
            if variant.name == wanted:
                return variant
        try:
            self.experiment.variant(wanted)
        except KeyError as error:
            raise JournalError(error.args[0]) from None
        raise AssertionError(f"{wanted} is in the experiment, not in its results")

    def chosen(self, names: Sequence[str | VariantResults] | None) -> list[VariantResults]:
        """The named variants, all when none is named: base first, then grouped by factor.

        Labels that two experiments share are told apart.
        """
        if names is not None:
            return told_apart([self.variant(name) for name in names])
        order: dict[str, list[VariantResults]] = {"": []}
        for variant in self.variants:
            order.setdefault(variant.factor, []).append(variant)
        first = [v for v in order[""] if v.name == "base"]
        return first + [v for group in order.values() for v in group if v.name != "base"]

    def reference(self, name: str | VariantResults | None = None) -> VariantResults:
        """The variant that others are compared with: the one named, else `base`."""
        if name is not None:
            return self.variant(name)
        for variant in self.variants:
            if variant.name == "base":
                return variant
        raise JournalError(
            f"{self.experiment.id} has no variant named 'base' to compare with; say reference=…"
        )

    def against(
        self,
        reference: str | VariantResults | None,
        names: Sequence[str | VariantResults] | None,
    ) -> tuple[VariantResults, list[VariantResults]]:
        """The reference, and each of the chosen besides it once; raises JournalError without any."""
        base, *chosen = told_apart([self.reference(reference), *self.chosen(names)])
        others = {variant.id: variant for variant in chosen if variant.id != base.id}
        if not others:
            raise JournalError(f"{self.experiment.id}: no variant to compare with {base.name!r}")
        return base, list(others.values())

    def shown(self, variants: Sequence[VariantResults]) -> list[VariantResults]:
        """Those with a result; none when all were skipped.

        Raises MissingResults when there is no result at all and one could be made.
        """
        found = [variant for variant in variants if variant.runs]
        if not found and not (variants and all(variant.is_skipped for variant in variants)):
            name = self.experiment.id
            why = "; ".join(dict.fromkeys(v.absence() for v in variants)) or "no variants"
            raise MissingResults(
                f"{name} has no results yet ({counted(len(self.statuses), 'run')}: {why}). "
                f"`cvlib run {name}` trains them (in a chapter: exp.run())."
            )
        return found


def told_apart(variants: Sequence[VariantResults]) -> list[VariantResults]:
    """The same variants; labels that those of two experiments share begin with the experiment."""
    owners: dict[str, set[str]] = {}
    for one in variants:
        owners.setdefault(one.variant.label, set()).add(one.experiment)
    found = []
    for one in variants:
        clashes = len(owners[one.variant.label]) > 1
        found.append(
            one if one.names_experiment == clashes else replace(one, names_experiment=clashes)
        )
    return found
