"""Train what is missing or stale: the work behind `cvlib run` and a chapter's `exp.run()`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cvlib.project import Project
from cvlib.results.store import Store
from cvlib.studies.execute import Task
from cvlib.studies.experiment import load_experiment
from cvlib.studies.fingerprints import Fingerprints
from cvlib.studies.named_runs import named_runs
from cvlib.studies.plan import Plan, PlannedRun, resolve
from cvlib.studies.progress import View
from cvlib.studies.progress_file import ProgressFile
from cvlib.studies.starts import Starts
from cvlib.studies.status import Inspector, RunStatus, needs_work
from cvlib.studies.tally import Tally
from cvlib.studies.workers import Finished, Progressed, Started, WorkerPool

BYTES_PER_WORKER = 2 << 30  # torch, one dataset and one model, with room to spare


@dataclass
class RunSummary:
    """What one call did. done, failed, skipped: names of runs, with the reason of the latter two."""

    done: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    interrupted: bool = False


def make_plans(layout: Project, experiment_ids: Sequence[str] = ()) -> list[Plan]:
    """Plans of the named experiments, all of them when none is named; fetches nothing."""
    fingerprints = Fingerprints(layout.data, layout.runs)
    starts = Starts(layout.root, layout.data, layout.runs)
    ids = experiment_ids or layout.experiment_ids()
    return [resolve(load_experiment(layout, name), fingerprints, starts) for name in ids]


def inspect(
    layout: Project, experiment_ids: Sequence[str] = (), variants: Sequence[str] = ()
) -> list[RunStatus]:
    """Status of every run of the named experiments (all of them when none is named).

    variants: only the runs of these names, see `named_runs`.
    """
    runs = [run for plan in make_plans(layout, experiment_ids) for run in plan.runs]
    return Inspector(Store(layout.runs)).inspect(named_runs(runs, variants) if variants else runs)


def run_experiments(
    layout: Project,
    experiment_ids: Sequence[str] = (),
    *,
    workers: int | None = None,
    threads: int = 1,
    device: str = "auto",
    rerun: str | None = None,
    variants: Sequence[str] = (),
    view: View | None = None,
) -> RunSummary:
    """Train every run of the named experiments that needs it, side by side.

    variants: only the runs of these names, see `named_runs`.
    workers: processes; None: one a core on a CPU, one on an accelerator. threads: of each worker;
    it takes part in how sums are rounded, so results are the same bits only for the same number.
    rerun: see `needs_work`. Ctrl-C leaves checkpoints, from which the next call goes on.
    """
    pending = [s.planned for s in inspect(layout, experiment_ids, variants) if needs_work(s, rerun)]
    summary = RunSummary()
    if not pending:
        return summary
    tasks = _tasks(layout, pending, summary.skipped)
    if not tasks:
        return summary
    workers = workers or default_workers(device)
    pool = WorkerPool(
        layout,
        workers=min(workers, len(tasks)),
        threads=threads,
        device=device,
    )
    view = view or View(sys.stderr)
    tally = Tally(task.run for task in tasks)
    with (
        view.showing(tally, workers=min(workers, len(tasks))),
        ProgressFile(layout.runs, tally) as told,
        _stopping(pool, view),
    ):
        for news in pool.run(tasks):
            told.update()
            if isinstance(news, Started):
                tally.started(news.worker, news.run)
                view.started(news.worker, news.run)
            elif isinstance(news, Progressed):
                tally.progressed(news.worker, news.progress)
                view.progressed(news.worker, news.progress)
            elif isinstance(news, Finished):
                ended = news.ended
                view.finished(news.worker, news.run, ended, tally.finished(news.worker, ended))
                if ended.how == "done":
                    summary.done.append(news.run.name)
                elif ended.how in ("failed", "died"):
                    summary.failed[news.run.name] = ended.reason
        summary.interrupted = pool.stopping
    return summary


def _tasks(layout: Project, runs: list[PlannedRun], skipped: dict[str, str]) -> list[Task]:
    """Fetch the data and weights that the runs need; one task a key, none for what is stored.

    Runs whose weights cannot be had are put into `skipped` with the reason.
    """
    fingerprints = Fingerprints(layout.data, layout.runs)
    starts = Starts(layout.root, layout.data, layout.runs)
    store = Store(layout.runs)
    tasks: dict[str, Task] = {}
    for run in runs:
        start = starts.fetch(run.spec)
        if start.needed and not start.is_local:
            skipped[run.name] = start.unreachable or "its weights are not here"
            continue
        ready = run.ready(fingerprints.fetch(run.spec.dataset), start)
        assert ready.key is not None
        came_to_light = ready.key != run.key and ready.key in store
        if not came_to_light or store.problems(ready.key):
            tasks.setdefault(ready.key, Task(ready, store.digest(ready.key)))
    return list(tasks.values())


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
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 16 << 30


@contextmanager
def _stopping(pool: WorkerPool, view: View) -> Iterator[None]:
    """Ctrl-C and SIGTERM stop the pool cleanly; a second one ends the program at once."""

    def stop(signum: int, _frame: object) -> None:
        if pool.stopping:
            raise KeyboardInterrupt
        pool.stop()
        view.note("Stopping: each worker writes its checkpoint. The next `cvlib run` goes on.")

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
