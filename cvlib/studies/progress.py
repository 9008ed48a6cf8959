"""How far a training is: counted, shown to a person, and told to other processes.

A person sees a live view on a terminal, and one line a run elsewhere. Other processes read a small
file beside the checkpoints, which is ignored by git, and of which runs and their keys know nothing:

    <store>/.scratch/progress-<host>-<pid>.json
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from cvlib.studies.plan import PlannedRun
from cvlib.terminal import printable

if TYPE_CHECKING:
    from rich.progress import TaskID

    from cvlib.studies.executors import RunNews
    from cvlib.training.outcome import Progress

# Below this many runs' worth of work the time left would be guesswork.
LEAST_PROGRESS = 0.02
EVERY_SECONDS = 1.0
# A training that said nothing for so long has been killed, or stopped with Ctrl-Z.
SILENT_SECONDS = 30.0
_PATTERN = "progress-*.json"


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

    def count(self, news: RunNews) -> float:
        """Take news in; returns the seconds since the run was taken up."""
        if news.ended is None and news.progress is None:
            self.under_way[news.worker] = UnderWay(news.run, time.monotonic())
        each = self.under_way[news.worker]
        each.progress = news.progress
        if news.ended is not None:
            del self.under_way[news.worker]
            # one that another process holds comes again; one that was interrupted is not done
            if news.ended.how not in ("held", "interrupted", "stopped"):
                self.ended[each.run.experiment] += 1
        return time.monotonic() - each.since

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


class ProgressView:
    """Shows runs, epochs, images/s and the time left. quiet: nothing but failures and notes.

    verb: what is done to the runs.
    """

    def __init__(self, stream: TextIO, quiet: bool = False, verb: str = "training") -> None:
        self._stream = stream
        self._quiet = quiet
        self._verb = verb
        self._live = stream.isatty() and not quiet

    @contextlib.contextmanager
    def showing(self, tally: Tally, place: str) -> Iterator[None]:
        """Show the runs that `tally` counts for the time of the block. place: where they run."""
        self._tally, total = tally, tally.total
        if not self._live:
            if not self._quiet:
                self.note(f"{self._verb} {total} run{'s' * (total != 1)} in {place}")
            yield
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._bars = Progress(
            TextColumn("{task.description}", style="bold", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[news]}", markup=False),
            TimeElapsedColumn(),
            console=Console(file=self._stream),
            transient=True,
        )
        self._all = self._bars.add_task("runs", total=total, news=f"0 of {total}")
        self._tasks: dict[int, TaskID] = {}
        with self._bars:
            yield

    def show(self, news: RunNews, seconds: float) -> None:
        """Show news that the tally has counted; seconds: since the run was taken up."""
        ended, progress = news.ended, news.progress
        if ended is not None and ended.how != "held":
            total = self._tally.total
            line = f"[{self._tally.done:>{len(str(total))}}/{total}] {news.run.name}: "
            if ended.how in ("failed", "stopped"):
                self.note(f"{line}{ended.how.upper()}: {ended.reason}")
            elif ended.how == "there" and not self._quiet:
                self.note(f"{line}another process finished it")
            elif ended.how == "done" and ended.metrics and not self._quiet:
                accuracy = 100 * ended.metrics["test_accuracy"]
                self.note(f"{line}{accuracy:.2f}% in {seconds:.0f} s")
        if not self._live:
            return
        if news.worker not in self._tasks:
            self._tasks[news.worker] = self._bars.add_task("", total=1.0, news="")
        bar = self._tasks[news.worker]
        if progress is not None:
            share = self._tally.under_way[news.worker].share
            text = f"{progress.phase} epoch {progress.epoch}/{progress.epochs}"
            text += f"  {progress.images_per_second:,.0f} images/s"
            self._bars.update(bar, completed=share, news=text)
        elif ended is not None:
            self._bars.update(bar, description="idle", completed=0, news="")
        else:
            self._bars.reset(bar, description=news.run.name, news="starting", total=1.0)
        overall, left = f"{self._tally.done} of {self._tally.total}", self._tally.seconds_left()
        overall += "" if left is None else f", about {duration(left)} left"
        self._bars.update(self._all, completed=self._tally.progress, news=overall)

    def note(self, text: str) -> None:
        """Say something that must not be missed, quiet or not."""
        text = printable(text)
        if self._live:
            self._bars.console.print(text, highlight=False, markup=False)
        else:
            print(text, file=self._stream, flush=True)


class ProgressFile:
    """Keeps the file for the time of a `with` block. That it cannot be written stops no training.

    {experiments: {id: [runs done, all]}, seconds_left: an estimate or null, runs: [{name, epoch,
    epochs, phase}]}; epoch counts from 1, null before the first news.
    """

    def __init__(self, runs: Path, tally: Tally) -> None:
        self._folder = runs / ".scratch"
        self._path = self._folder / f"progress-{socket.gethostname()}-{os.getpid()}.json"
        self._tally = tally
        self._next = 0.0

    def __enter__(self) -> ProgressFile:
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            for path in self._folder.glob(_PATTERN):
                if _is_over(path):
                    path.unlink(missing_ok=True)
        self.update()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)

    def update(self) -> None:
        """Write how far the training is, unless that was done within the last second."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + EVERY_SECONDS
        tally = self._tally
        training = {
            "experiments": {
                name: (tally.ended[name], n) for name, n in sorted(tally.totals.items())
            },
            "runs": [
                {
                    "name": each.run.name,
                    **{at: getattr(each.progress, at, None) for at in ("epoch", "epochs", "phase")},
                }
                for _, each in sorted(tally.under_way.items())
            ],
            "seconds_left": tally.seconds_left(),
        }
        staged = self._path.with_suffix(".part")
        with contextlib.suppress(OSError):
            staged.write_text(json.dumps(training), encoding="utf-8")
            staged.replace(self._path)


def trainings(runs: Path) -> list[dict[str, Any]]:
    """What the trainings under way in a store wrote, see `ProgressFile`; [] when there is none."""
    found = []
    for path in sorted((runs / ".scratch").glob(_PATTERN)):
        with contextlib.suppress(OSError, ValueError):
            if not _is_over(path):
                found.append(json.loads(path.read_text(encoding="utf-8")))
    return found


def _is_over(path: Path) -> bool:
    """Whether the process that wrote the file is gone, or silent."""
    host, _, pid = path.stem.removeprefix("progress-").rpartition("-")
    # (elsewhere than on POSIX this would not ask whether a process lives, but end it)
    if host == socket.gethostname() and os.name == "posix":
        try:
            os.kill(int(pid), 0)
        except (ProcessLookupError, ValueError):
            return True
        except PermissionError:
            pass  # it lives, as another user
    return time.time() - path.stat().st_mtime > SILENT_SECONDS
