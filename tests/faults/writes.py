"""A kill, a torn write, a full, broken or read-only disk at every change that an operation makes.

After the fault what was good before must be readable, or the new result whole; the next command
must end well, with the same bits, and leave no file that a quiet disk would not have.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from cvlib.project import Project
from cvlib.studies.execute import Ended, Task
from cvlib.training import checkpoint
from tests.faults.forked import forked
from tests.faults.inject import FAULTS, Injector, injected
from tests.faults.made import add_chapters, bits, command, execute, make_project, tasks_of, warm_up
from tests.faults.tally import Tally

# What may lie there or not: locks are kept; caches are remade when they are wanted.
_IGNORED = re.compile(r"\.lock$|/\.locks/|__pycache__|\.quarto/|_output|data/\.cache|\.gitignore$")


@dataclass(frozen=True)
class Operation:
    """What is done to a copy of `start`; `judge` tells from a project whether all in it is well."""

    name: str
    start: Path
    act: Callable[[Project], Any]
    judge: Callable[[Project], Any]
    again: Callable[[Project], Any] | None = None  # the next command; None: `act`
    thinned: int = 1  # of its faults every so many-th is tried: it takes long


def _run(task: Task, again: bool) -> Callable[[Project], Ended]:
    return lambda project: execute(project, task, again=again)


def _render(project: Project) -> None:
    command(project, "render", "--engine", "embedded", "--to", "html")


def operations(folder: Path) -> list[Operation]:
    """Everything that writes what is read again."""
    checkpoint.INTERVAL_SECONDS, checkpoint.LARGEST_SHARE = 0.0, 1e9
    warm_up()
    empty = make_project(folder / "empty")
    tasks = tasks_of(empty)
    keys = {kind: task.run.key or "" for kind, task in tasks.items()}
    full = make_project(folder / "full")
    add_chapters(full)
    for kind in keys:
        assert forked(lambda kind=kind: execute(full, tasks_of(full)[kind])).how == "value"
    frozen = Path(shutil.copytree(full.root, folder / "frozen"))
    end = forked(lambda: _render(Project(frozen)), 120)
    assert end.how == "value", end.said
    wanted = {kind: bits(full, keys[kind]) for kind in keys}

    def whole(kind: str, may_lack: bool) -> Callable[[Project], bool]:
        def judge(project: Project) -> bool:
            if may_lack and not (project.runs / keys[kind]).exists():
                return True
            return bits(project, keys[kind]) == wanted[kind]

        return judge

    made = [
        Operation(f"{kind}, {'in place of a good one' if again else 'the first'}",
                  full.root if again else empty.root, _run(tasks[kind], again), whole(kind, not again))
        for kind in ("cnn", "probe") for again in (True, False)
    ]  # fmt: skip
    page = _page(frozen)

    def frozen_whole(project: Project) -> bool:
        before = forked(lambda: command(project, "status"), 30)
        return before.how in ("value", "refusal")

    edited = frozen / "report" / "exp01.qmd"
    edited.write_text(edited.read_text() + "\nEvery kind of run.\n")
    made.append(Operation("executed chapter", frozen, _render, frozen_whole, thinned=2))
    assert page
    return made


def _page(root: Path) -> str:
    return (root / "_output" / "report" / "exp01.html").read_text()


def _files(root: Path) -> set[str]:
    found = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return {name for name in found if not _IGNORED.search("/" + name)}


def writes(folder: Path, step: int = 1) -> Tally:
    """Every `step`-th change of every operation, with every fault."""
    tally = Tally(
        "kill, torn write, ENOSPC, EIO, EROFS at every write of run, features, freeze, notes",
        "left the old or the new whole, went on to the same bits and left no orphan",
    )
    for operation in operations(folder):
        quiet = _copy(operation, folder)
        injector = Injector(quiet.root)
        names = forked(partial(_counted, operation, quiet, injector), 120)
        assert names.how == "value", names
        expected = _files(quiet.root)
        stride = step * operation.thinned
        for number, fault in enumerate(FAULTS):
            for at in range(1 + number % stride, len(names.value) + 1, stride):
                name = f"{operation.name}: {fault} at {at} of {len(names.value)}, {names.value[at - 1]}"
                project = _copy(operation, folder)
                hurt = forked(partial(_hurt, operation, project, fault, at), 60)
                tell = _verdict(operation, project, hurt, fault, expected)
                tally.bad(f"{name.replace(str(folder), '')}: {tell}") if tell else tally.good()
        tally.notes.append(f"{operation.name}: {len(names.value)} changes")
    return tally


def _copy(operation: Operation, folder: Path) -> Project:
    root = folder / "hurt"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(operation.start, root)
    return Project(root)


def _counted(operation: Operation, project: Project, injector: Injector) -> list[str]:
    with injected(injector):
        try:
            operation.act(project)
        except SystemExit as ended:
            assert not ended.code, ended
    return injector.names


def _hurt(operation: Operation, project: Project, fault: str, at: int) -> Any:
    with injected(Injector(project.root, fault, at)):
        return operation.act(project)


def _verdict(
    operation: Operation, project: Project, hurt: Any, fault: str, expected: set[str]
) -> str:
    if fault in ("kill", "torn") and hurt.how != "killed":
        return "" if hurt.how == "value" else f"{hurt.how} {hurt.said[-300:]}"
    if hurt.how in ("traceback", "hung"):
        return f"{hurt.how}: {hurt.said[-400:]}"
    if isinstance(hurt.value, Ended) and hurt.value.how == "failed":
        return f"counted as {hurt.value.how}: {hurt.value.reason}"
    project = Project(project.root)
    state = forked(lambda: operation.judge(project), 60)
    if state.how != "value" or not state.value:
        return f"then not whole: {state.how} {state.said[-300:]}"
    end = forked(lambda: (operation.again or operation.act)(project), 120)
    if end.how != "value" or (
        isinstance(end.value, Ended) and end.value.how not in ("done", "there")
    ):
        return f"next command: {end.how} {end.value} {end.said[-300:]}"
    if not (state := forked(lambda: operation.judge(Project(project.root)), 60)).value:
        return f"after the next command not whole: {state.said[-300:]}"
    orphans = _files(project.root) - expected
    lost = expected - _files(project.root)
    return f"orphans {sorted(orphans)[:3]} lost {sorted(lost)[:3]}" if orphans or lost else ""
