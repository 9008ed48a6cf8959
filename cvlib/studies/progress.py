"""What a person sees while runs train: a live view on a terminal, one line a run elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from cvlib.studies.plan import PlannedRun
from cvlib.studies.tally import Tally, duration

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
        self._tally = Tally(())

    @contextmanager
    def showing(self, tally: Tally, workers: int) -> Iterator[None]:
        """Show the runs that `tally` counts for the time of the block."""
        self._tally, total = tally, tally.total
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
        if self._live:
            if worker not in self._tasks:
                self._tasks[worker] = self._bars.add_task("", total=1.0, news="")
            self._bars.reset(self._tasks[worker], description=run.name, news="starting", total=1.0)

    def progressed(self, worker: int, progress: Progress) -> None:
        """News of a run under way."""
        if self._live:
            self._bars.update(
                self._tasks[worker],
                completed=self._tally.under_way[worker].share,
                news=(
                    f"{progress.phase} epoch {progress.epoch}/{progress.epochs}  "
                    f"{progress.images_per_second:,.0f} images/s"
                ),
            )
            self._bars.update(self._all, completed=self._tally.progress, news=self._overall())

    def finished(self, worker: int, run: PlannedRun, ended: Ended, seconds: float) -> None:
        """A worker is done with a run, after `seconds`."""
        if ended.how == "held":
            return
        total = self._tally.total
        counted = f"[{self._tally.done:>{len(str(total))}}/{total}]"
        if ended.how == "done" and ended.metrics:
            accuracy = 100 * ended.metrics["test_accuracy"]
            self._line(f"{counted} {run.name}: {accuracy:.2f}% in {seconds:.0f} s")
        elif ended.how in ("failed", "died"):
            self.note(f"{counted} {run.name}: FAILED: {ended.reason}")
        elif ended.how == "there":
            self._line(f"{counted} {run.name}: another process finished it")
        if self._live:
            self._bars.update(self._tasks[worker], description="idle", completed=0, news="")
            self._bars.update(self._all, completed=self._tally.progress, news=self._overall())

    def note(self, text: str) -> None:
        """Say something that must not be missed, quiet or not."""
        if self._live:
            self._bars.console.print(text, highlight=False, markup=False)
        else:
            print(text, file=self._stream, flush=True)

    def _line(self, text: str) -> None:
        if not self._quiet:
            self.note(text)

    def _overall(self) -> str:
        text = f"{self._tally.done} of {self._tally.total}"
        left = self._tally.seconds_left()
        return text if left is None else f"{text}, about {duration(left)} left"
