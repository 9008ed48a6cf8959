"""Train what is missing or stale: the work behind `cvlib run` and a chapter's `exp.run()`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from cvlib.processes import hearing
from cvlib.project import Project
from cvlib.results.store import Store
from cvlib.studies.execute import Ended, Task
from cvlib.studies.executors import WorkerPool, default_workers
from cvlib.studies.plan import Fingerprints, PlannedRun, Starts, named_runs
from cvlib.studies.progress import ProgressFile, ProgressView, Tally
from cvlib.studies.registered import register
from cvlib.studies.status import RunStatus, needs_work


@dataclass
class RunSummary:
    """What one call did: names of runs, with the reason of all but the done.

    stopped: by the machine, not by their own doing; what was stored of them stands.
    """

    done: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    stopped: dict[str, str] = field(default_factory=dict)
    interrupted: bool = False


def inspect(
    project: Project, experiment_ids: Sequence[str] = (), variants: Sequence[str] = ()
) -> list[RunStatus]:
    """Status of every run of the named experiments (all of them when none is named).

    variants: only the runs of these names, see `named_runs`.
    """
    ids = experiment_ids or project.experiment_ids()
    if not variants:
        return [status for name in ids for status in project.statuses(name)]
    runs = [run for name in ids for run in project.plan(name).runs]
    return project.inspector.inspect(named_runs(runs, variants))


def run_experiments(
    project: Project,
    experiment_ids: Sequence[str] = (),
    *,
    workers: int | None = None,
    threads: int = 1,
    device: str = "auto",
    rerun: str | None = None,
    variants: Sequence[str] = (),
    view: ProgressView | None = None,
    executor: WorkerPool | None = None,
) -> RunSummary:
    """Train every run of the named experiments that needs it, side by side.

    variants: only the runs of these names, see `named_runs`.
    workers: processes; None: one a core on a CPU, one on an accelerator. threads: of each worker;
    it takes part in how sums are rounded, so results are the same bits only for the same number.
    rerun: see `needs_work`. executor: where; None: in processes of this machine.
    Ctrl-C leaves checkpoints, from which the next call goes on. Hypotheses are registered before it
    begins; raises SpecError where they cannot be read.
    """
    with suppress(OSError):  # a store that is only read needs none of it
        Store(project.runs).clear_leftovers()
    statuses = inspect(project, experiment_ids, variants)
    pending = [status.planned for status in statuses if needs_work(status, rerun)]
    summary = RunSummary()
    tasks = make_tasks(project, pending, summary.skipped)
    register(project, [task.run for task in tasks])
    if tasks:
        left = {task.run.key for task in tasks}
        workers = min(workers or default_workers(device), len(tasks))
        executor = executor or WorkerPool(project, workers=workers, threads=threads, device=device)
        for run, ended in carry_out(project, executor, tasks, view or ProgressView(sys.stderr)):
            if ended.how == "done":
                summary.done.append(run.name)
            elif ended.how == "failed":
                summary.failed[run.name] = ended.reason
            elif ended.how == "stopped":
                summary.stopped[run.name] = ended.reason
            if ended.how not in ("held", "interrupted"):
                left.discard(run.key)
        summary.interrupted = bool(left)
    if pending:
        project.forget_results()
        register(project)  # of what has a result now, the words stand
    return summary


def carry_out(
    project: Project,
    executor: WorkerPool,
    tasks: Sequence[Task],
    view: ProgressView,
    stopping: str = "each worker writes its checkpoint. The next `cvlib run` goes on.",
) -> Iterator[tuple[PlannedRun, Ended]]:
    """Have the tasks executed and shown; yields how each ended.

    Ctrl-C and SIGTERM stop the executor cleanly; a second one ends the program at once. stopping:
    what is said then.
    """
    tally = Tally(task.run for task in tasks)
    stopped = False

    def stop(_number: int, _frame: object) -> None:
        nonlocal stopped
        if stopped:
            raise KeyboardInterrupt
        stopped = True
        executor.stop()
        view.note(f"Stopping: {stopping}")

    with (
        view.showing(tally, executor.place),
        ProgressFile(project.runs, tally) as file,
        hearing((signal.SIGINT, signal.SIGTERM), stop),
    ):
        for news in executor.submit(tasks):
            file.update()
            if news is not None:
                view.show(news, tally.count(news))
                if news.ended is not None:
                    yield news.run, news.ended


def make_tasks(
    project: Project,
    runs: Iterable[PlannedRun],
    skipped: dict[str, str],
    store_at: Path | None = None,
) -> list[Task]:
    """Fetch the data and weights that the runs need; one task a key, none for what is stored.

    Runs whose weights cannot be had are put into `skipped` with the reason. store_at: folder of
    the store, and of its notes; None: the project's own.
    """
    store = Store(store_at or project.runs)
    fingerprints = Fingerprints(project.data, store.root)
    starts = Starts(project.root, project.data, store.root)
    tasks: dict[str, Task] = {}
    for run in runs:
        start = starts.fetch(run.spec)
        if start.needed and not start.is_local:
            skipped[run.name] = start.unreachable or "its weights are not here"
            continue
        fingerprint = fingerprints.fetch(run.spec.dataset)
        ready = replace(run, dataset_fingerprint=fingerprint, data_is_local=True, start=start)
        assert ready.key is not None
        came_to_light = ready.key != run.key and ready.key in store
        if not came_to_light or store.problems(ready.key):
            tasks.setdefault(ready.key, Task(ready, store.digest(ready.key)))
    return list(tasks.values())
