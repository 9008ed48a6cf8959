"""How far a training of several runs is, and how long it will take."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cvlib.studies.plan import PlannedRun

if TYPE_CHECKING:
    from cvlib.studies.execute import Ended
    from cvlib.training.outcome import Progress

# Below this many runs' worth of work the time left would be guesswork.
LEAST_PROGRESS = 0.02


@dataclass
class UnderWay:
    """A run that a worker has taken up. since: time.monotonic() then."""

    run: PlannedRun
    since: float
    progress: Progress | None = None

    @property
    def share(self) -> float:
        """How much of the run is done, 0 to 1."""
        if self.progress is None:
            return 0.0
        steps = max(1, self.progress.steps)
        epochs = self.progress.epoch - 1 + self.progress.step / steps
        return min(1.0, epochs / max(1, self.progress.epochs))


class Tally:
    """Counts runs: all, done, under way. Time begins when it is made."""

    def __init__(self, runs: Iterable[PlannedRun]) -> None:
        self.totals = Counter(run.experiment for run in runs)
        self.ended: Counter[str] = Counter()
        self.under_way: dict[int, UnderWay] = {}  # by worker
        self._began = time.monotonic()

    @property
    def total(self) -> int:
        """Number of runs to train."""
        return sum(self.totals.values())

    @property
    def done(self) -> int:
        """Number of runs that ended, well or not."""
        return sum(self.ended.values())

    @property
    def progress(self) -> float:
        """Runs done, and the shares of those under way."""
        return self.done + sum(each.share for each in self.under_way.values())

    def started(self, worker: int, run: PlannedRun) -> None:
        """A worker took up a run."""
        self.under_way[worker] = UnderWay(run, time.monotonic())

    def progressed(self, worker: int, progress: Progress) -> None:
        """News of a run under way."""
        self.under_way[worker].progress = progress

    def finished(self, worker: int, ended: Ended) -> float:
        """A worker is done with a run; returns its seconds."""
        left = self.under_way.pop(worker)
        # one that another process holds comes again; one that was interrupted is not done
        if ended.how not in ("held", "interrupted"):
            self.ended[left.run.experiment] += 1
        return time.monotonic() - left.since

    def seconds_left(self) -> float | None:
        """Estimate from the speed so far; None while it would be guesswork."""
        progress = self.progress
        if progress < LEAST_PROGRESS:
            return None
        return (time.monotonic() - self._began) * (self.total - progress) / progress


def duration(seconds: float) -> str:
    """Seconds in words, as exact as an estimate is: `40 s`, `12 min`, `1.6 h`."""
    minutes = round(seconds / 60)
    if minutes >= 90:
        return f"{minutes / 60:.1f} h"
    return f"{minutes} min" if seconds >= 60 else f"{seconds:.0f} s"
