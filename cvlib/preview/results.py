"""Which experiments lack results, and so wait for a training."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cvlib.project import ProjectError
from cvlib.studies.experiment import SpecError
from cvlib.studies.status import needs_work

if TYPE_CHECKING:
    from cvlib.freeze.experiment_digests import ExperimentReader


@dataclass(frozen=True)
class Lacking:
    """An experiment with runs that have no result. runs: name and key of each; total: of all."""

    experiment: str
    runs: tuple[str, ...]
    total: int

    @property
    def words(self) -> str:
        """`exp06: 3 of 45 runs have no result`."""
        have = "has" if len(self.runs) == 1 else "have"
        return f"{self.experiment}: {len(self.runs)} of {self.total} runs {have} no result"


def lacking(reader: ExperimentReader, experiments: Iterable[str]) -> list[Lacking]:
    """Those of `experiments` that lack results.

    One that cannot be read is passed over: executing the chapter says what is wrong with it.
    """
    found = []
    for name in sorted(set(experiments)):
        try:
            statuses = reader.statuses(name)
        except (SpecError, ProjectError):
            continue
        runs = [f"{s.planned.name} {s.planned.key}" for s in statuses if needs_work(s, None)]
        if runs:
            found.append(Lacking(name, tuple(runs), len(statuses)))
    return found
