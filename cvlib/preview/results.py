"""Which experiments lack results, looked up once until something changes that they depend on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cvlib.studies.project import Layout


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


class Results:
    """Asks the store; `forget` when the store, an experiment or the data may have changed."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._known: dict[str, Lacking | None] = {}

    def forget(self) -> None:
        """Look everything up again."""
        self._known.clear()

    def lacking(self, experiments: Iterable[str]) -> list[Lacking]:
        """Those of `experiments` that lack results. One that cannot be read is passed over:
        executing the chapter says what is wrong with it."""
        return [found for name in sorted(set(experiments)) if (found := self._look_up(name))]

    def _look_up(self, name: str) -> Lacking | None:
        if name not in self._known:
            self._known[name] = self._ask(name)
        return self._known[name]

    def _ask(self, name: str) -> Lacking | None:
        from cvlib.studies.experiment import SpecError
        from cvlib.studies.project import ProjectError
        from cvlib.studies.run import inspect
        from cvlib.studies.status import needs_work

        try:
            statuses = inspect(self._layout, [name])
        except (SpecError, ProjectError):
            return None
        runs = [f"{s.planned.name} {s.planned.key}" for s in statuses if needs_work(s, None)]
        return Lacking(name, tuple(runs), len(statuses)) if runs else None
