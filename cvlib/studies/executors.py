"""Where runs are executed: tasks go in, news of them come out.

The parent imports no torch. Each worker is a fresh process with a pipe to the parent: runs go down,
progress and endings come up. A worker that dies takes only its run with it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvlib.project import Project
from cvlib.studies.execute import Ended, Task, Worker
from cvlib.studies.plan import PlannedRun

if TYPE_CHECKING:
    from cvlib.training.outcome import Progress

HELD_SECONDS = 1.0
BYTES_PER_WORKER = 2 << 30  # torch, one dataset and one model, with room to spare


@dataclass(frozen=True)
class RunNews:
    """What became of a run: how far it is, or how it ended; neither when a worker took it up.

    worker: a small number, of one run at a time.
    """

    worker: int
    run: PlannedRun
    progress: Progress | None = None
    ended: Ended | None = None


class WorkerPool:
    """This machine: `workers` processes of `threads` threads each. place: that, for messages."""

    def __init__(self, project: Project, *, workers: int, threads: int, device: str) -> None:
        # spawn: a forked torch may hang, and CUDA cannot be forked at all
        self._context = get_context("spawn")
        self._stop = self._context.Event()
        self._workers = workers
        self._arguments = project, threads, device
        self.place = f"{workers} process(es)"

    def stop(self) -> None:
        """Let every run write a checkpoint and end; returns at once, the last news follow."""
        self._stop.set()

    def submit(self, tasks: Iterable[Task]) -> Iterator[RunNews | None]:
        """Work on all tasks; yields news as they come, and None about five times a second.

        A run that another process holds ends as `held`, and is taken up again.
        """
        waiting = deque((0.0, task) for task in tasks)
        workers: dict[Connection, tuple[int, Any]] = {}  # number and process
        busy: dict[Connection, Task] = {}
        numbers = itertools.count()
        try:
            while (waiting and not self._stop.is_set()) or busy:
                while waiting and not self._stop.is_set() and len(busy) < self._workers:
                    if waiting[0][0] > time.monotonic():
                        break
                    pipe = next((pipe for pipe in workers if pipe not in busy), None)
                    if pipe is None:
                        pipe, process = self._start()
                        workers[pipe] = next(numbers), process
                    busy[pipe] = waiting.popleft()[1]
                    pipe.send(busy[pipe])
                    yield RunNews(workers[pipe][0], busy[pipe].run)
                if not busy:
                    time.sleep(0.2)
                for ready in wait(list(busy), timeout=0.2):
                    assert isinstance(ready, Connection)
                    (number, process), task = workers[ready], busy[ready]
                    try:
                        said = ready.recv()
                    except (EOFError, ConnectionResetError):
                        process.join()
                        del workers[ready]
                        said = _died(process.exitcode)
                    if not isinstance(said, Ended):
                        yield RunNews(number, task.run, progress=said)
                        continue
                    del busy[ready]
                    if said.how == "held":
                        # another `cvlib run` works on it: look again once it may be done
                        waiting.append((time.monotonic() + HELD_SECONDS, task))
                    yield RunNews(number, task.run, ended=said)
                yield None
        finally:
            self._stop.set()
            for pipe, (_, process) in workers.items():
                pipe.close()
                process.join(timeout=30)
                if process.is_alive():
                    process.kill()
                    process.join()

    def _start(self) -> tuple[Connection, Any]:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_work, args=(theirs, self._stop, os.getpid(), *self._arguments), daemon=True
        )
        process.start()
        theirs.close()
        return ours, process


def _died(exitcode: int | None) -> Ended:
    how = f"signal {-exitcode}" if exitcode is not None and exitcode < 0 else f"exit {exitcode}"
    hint = ", as it is when memory runs out: try --workers 1" if exitcode == -9 else ""
    return Ended("stopped", f"the worker process was ended by {how}{hint}; its checkpoint is kept")


def _work(
    pipe: Connection, stop: Event, parent: int, project: Project, threads: int, device: str
) -> None:
    # Ctrl-C reaches the whole process group; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)
    import torch

    torch.set_num_threads(threads)

    def report(progress: Progress) -> None:
        with contextlib.suppress(OSError):  # nobody listens any more; should_stop sees to it
            pipe.send(progress)

    worker = Worker(
        project,
        device,
        on_progress=report,
        # a killed parent cannot ask; its children notice that they have another one
        should_stop=lambda: stop.is_set() or os.getppid() != parent,
    )
    while True:
        try:
            task = pipe.recv()
        except (EOFError, OSError):
            return  # nobody has work any more
        ended = worker.execute(task)
        with contextlib.suppress(OSError):
            pipe.send(ended)


def default_workers(device: str = "auto") -> int:
    """Processes that suit this machine: one a core, as far as memory goes; one per accelerator."""
    has_accelerator = Path("/dev/nvidiactl").exists() or (
        sys.platform == "darwin" and os.uname().machine == "arm64"
    )
    if device not in ("auto", "cpu") or (device == "auto" and has_accelerator):
        return 1
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, min(cores, _free_bytes() // BYTES_PER_WORKER))


def _free_bytes() -> int:
    with contextlib.suppress(OSError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return 16 << 30
