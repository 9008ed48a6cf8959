"""What a person sees while runs train: a live view on a terminal, one line a run elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from cvlib.studies.plan import PlannedRun

if TYPE_CHECKING:
    from rich.progress import TaskID

    from cvlib.studies.execute import Ended
    from cvlib.training.run import Progress


class View:
    """Shows runs, epochs, images/s and the time left. quiet: nothing but failures and notes."""

    def __init__(self, stream: TextIO, quiet: bool = False) -> None:
        self._stream = stream
        self._quiet = quiet
        self._live = stream.isatty() and not quiet
        self._total = self._done = 0
        self._workers = 1
        self._began = 0.0
        self._share: dict[int, float] = {}
        self._since: dict[int, float] = {}

    @contextmanager
    def showing(self, total: int, workers: int) -> Iterator[None]:
        """Show `total` runs for the time of the block."""
        self._total, self._workers, self._began = total, workers, time.monotonic()
        if not self._live:
            self._line(f"training {total} run{'s' * (total != 1)} in {workers} process(es)")
            yield
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        console = Console(file=self._stream)
        self._bars = Progress(
            TextColumn("{task.description}", style="bold"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[news]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._all = self._bars.add_task("runs", total=total, news=f"0 of {total}")
        self._tasks: dict[int, TaskID] = {}
        with self._bars:
            yield

    def started(self, worker: int, run: PlannedRun) -> None:
        """A worker took up a run."""
        self._share[worker], self._since[worker] = 0.0, time.monotonic()
        if self._live:
            if worker not in self._tasks:
                self._tasks[worker] = self._bars.add_task("", total=1.0, news="")
            self._bars.reset(self._tasks[worker], description=run.name, news="starting", total=1.0)

    def progressed(self, worker: int, progress: Progress) -> None:
        """News of a run under way."""
        steps = max(1, progress.steps)
        share = min(1.0, (progress.epoch - 1 + progress.step / steps) / max(1, progress.epochs))
        self._share[worker] = share
        if self._live:
            self._bars.update(
                self._tasks[worker],
                completed=share,
                news=(
                    f"{progress.phase} epoch {progress.epoch}/{progress.epochs}  "
                    f"{progress.images_per_second:,.0f} images/s"
                ),
            )
            self._bars.update(self._all, completed=self._progress(), news=self._overall())

    def finished(self, worker: int, run: PlannedRun, ended: Ended) -> None:
        """A worker is done with a run."""
        self._share[worker] = 0.0
        if ended.how == "held":
            return
        if ended.how != "interrupted":
            self._done += 1
        seconds = time.monotonic() - self._since[worker]
        counted = f"[{self._done:>{len(str(self._total))}}/{self._total}]"
        if ended.how == "done" and ended.metrics:
            accuracy = 100 * ended.metrics["test_accuracy"]
            self._line(f"{counted} {run.name}: {accuracy:.2f}% in {seconds:.0f} s")
        elif ended.how in ("failed", "died"):
            self.note(f"{counted} {run.name}: FAILED: {ended.reason}")
        elif ended.how == "there":
            self._line(f"{counted} {run.name}: another process finished it")
        if self._live:
            self._bars.update(self._tasks[worker], description="idle", completed=0, news="")
            self._bars.update(self._all, completed=self._progress(), news=self._overall())

    def note(self, text: str) -> None:
        """Say something that must not be missed, quiet or not."""
        if self._live:
            self._bars.console.print(text, highlight=False, markup=False)
        else:
            print(text, file=self._stream, flush=True)

    def _line(self, text: str) -> None:
        if not self._quiet:
            self.note(text)

    def _progress(self) -> float:
        return self._done + sum(self._share.values())

    def _overall(self) -> str:
        progress, text = self._progress(), f"{self._done} of {self._total}"
        if progress < 0.02:
            return text
        left = (time.monotonic() - self._began) * (self._total - progress) / progress
        return f"{text}, about {_duration(left)} left"


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes >= 90:
        return f"{minutes / 60:.1f} h"
    return f"{minutes} min" if seconds >= 60 else f"{seconds:.0f} s"
