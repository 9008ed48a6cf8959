"""Worker processes that train runs side by side, each with its own share of the cores.

The parent imports no torch. Each worker is a fresh process with a pipe to the parent: runs go
down, progress and endings come up. A worker that dies takes only its run with it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.synchronize import Event
from typing import TYPE_CHECKING, Any

from cvlib.project import Project
from cvlib.studies.execute import Ended, Executor, Task
from cvlib.studies.plan import PlannedRun

if TYPE_CHECKING:
    from cvlib.training.outcome import Progress

HELD_SECONDS = 1.0


@dataclass(frozen=True)
class Started:
    """A worker took up a run."""

    worker: int
    run: PlannedRun


@dataclass(frozen=True)
class Progressed:
    """News from a run under way."""

    worker: int
    run: PlannedRun
    progress: Progress


@dataclass(frozen=True)
class Finished:
    """A worker is done with a run, however it ended."""

    worker: int
    run: PlannedRun
    ended: Ended


News = Started | Progressed | Finished


class WorkerPool:
    """Trains runs in `workers` processes of `threads` threads each.

    stopping: whether `stop()` was called, which asks all workers to leave a checkpoint and end.
    """

    def __init__(self, layout: Project, *, workers: int, threads: int, device: str) -> None:
        # spawn: a forked torch may hang, and CUDA cannot be forked at all
        self._context = get_context("spawn")
        self._stop = self._context.Event()
        self.stopping = False
        self._workers = workers
        self._arguments = layout, threads, device

    def stop(self) -> None:
        """Ask every worker to write a checkpoint and end; returns at once."""
        self.stopping = True
        self._stop.set()

    def run(self, tasks: Iterable[Task]) -> Iterator[News | None]:
        """Work on all tasks; yields news as it comes, and None about five times a second."""
        waiting = deque((0.0, task) for task in tasks)
        busy: dict[Connection, tuple[int, Any, Task]] = {}
        idle: list[tuple[int, Any, Connection]] = []
        numbers = iter(range(1_000_000))
        try:
            while (waiting and not self.stopping) or busy:
                while waiting and not self.stopping and len(busy) < self._workers:
                    if waiting[0][0] > time.monotonic():
                        break
                    number, process, pipe = idle.pop() if idle else self._start(next(numbers))
                    _, task = waiting.popleft()
                    pipe.send(task)
                    busy[pipe] = number, process, task
                    yield Started(number, task.run)
                if not busy:
                    time.sleep(0.2)
                for ready in wait(list(busy), timeout=0.2):
                    assert isinstance(ready, Connection)
                    pipe = ready
                    number, process, task = busy[pipe]
                    run = task.run
                    try:
                        news = pipe.recv()
                    except (EOFError, ConnectionResetError):
                        process.join()
                        del busy[pipe]
                        yield Finished(number, run, _died(run, process.exitcode))
                        continue
                    if isinstance(news, Ended):
                        del busy[pipe]
                        idle.append((number, process, pipe))
                        if news.how == "held":
                            # another `cvlib run` works on it: look again once it may be done
                            waiting.append((time.monotonic() + HELD_SECONDS, task))
                        yield Finished(number, run, news)
                    else:
                        yield Progressed(number, run, news)
                yield None
        finally:
            self._stop.set()
            for process, pipe in [(p, c) for _, p, c in idle] + [
                (p, c) for c, (_, p, _) in busy.items()
            ]:
                pipe.close()
                process.join(timeout=30)
                if process.is_alive():
                    process.kill()
                    process.join()

    def _start(self, number: int) -> tuple[int, Any, Connection]:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_work, args=(theirs, self._stop, os.getpid(), *self._arguments), daemon=True
        )
        process.start()
        theirs.close()
        return number, process, ours


def _died(run: PlannedRun, exitcode: int | None) -> Ended:
    how = f"signal {-exitcode}" if exitcode is not None and exitcode < 0 else f"exit {exitcode}"
    hint = "; the machine may have run out of memory: try --workers 1" if exitcode == -9 else ""
    return Ended(run.key or "", "died", f"the worker process ended by {how}{hint}")


def _work(
    pipe: Connection,
    stop: Event,
    parent: int,
    layout: Project,
    threads: int,
    device: str,
) -> None:
    # Ctrl-C reaches the whole process group; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)
    import torch

    torch.set_num_threads(threads)
    executor = Executor(layout, device)

    def should_stop() -> bool:
        # a killed parent cannot ask; its children notice that they have another one
        return stop.is_set() or os.getppid() != parent

    def report(progress: Progress) -> None:
        with contextlib.suppress(OSError):  # nobody listens any more; should_stop sees to it
            pipe.send(progress)

    while True:
        try:
            task = pipe.recv()
            pipe.send(executor.execute(task, on_progress=report, should_stop=should_stop))
        except (EOFError, OSError):
            return
