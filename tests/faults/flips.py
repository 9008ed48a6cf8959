"""One flipped bit, or a cut, in each kind of file that is read again.

Damage is found when what reads the file next refuses it, says so, or comes to the very same
numbers and page because it made the file anew.
"""

from __future__ import annotations

import random
import re
import shutil
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from cvlib.project import Project
from cvlib.studies.execute import Task, Worker
from cvlib.training import checkpoint
from tests.faults.forked import End, forked
from tests.faults.made import add_chapters, bits, command, execute, make_project, tasks_of, warm_up
from tests.faults.tally import Tally

_SAID = re.compile(
    r"training \d+ run|damaged|altered|cannot be read|does not match|discarded|missing|remade", re.I
)


Use = Callable[[Project], Any]


def flips(folder: Path, each: int, seed: int = 0, step: int = 1) -> Tally:
    """`each` flips or cuts of every `step`-th artefact; they are in the order of their kinds."""
    tally = Tally(
        "a flipped bit or a cut, in every kind of artefact", "found or made anew before use"
    )
    chance, counts = random.Random(seed), Counter[str]()
    artefacts = _artefacts(folder)[::step]
    for start, use in {(start, use) for _, start, _, use in artefacts}:
        _quiet(folder, start, use)
    for kind, start, path, use in artefacts:
        for _ in range(each):
            root = folder / "hurt"
            shutil.rmtree(root, ignore_errors=True)
            shutil.copytree(start, root)
            how = damage(root / path, chance)
            end = forked(partial(use, Project(root)), 120)
            counts[kind] += 1
            found = end.how == "refusal" or (
                end.how == "value" and (end.value is True or bool(_SAID.search(end.said)))
            )
            if found:
                tally.good()
            else:
                tally.bad(f"{kind} {path}: {how}: {end.how} {end.value} {end.said[-300:]}")
    tally.notes.append(", ".join(f"{kind} {count}" for kind, count in counts.items()))
    return tally


def _quiet(folder: Path, start: Path, use: Use) -> None:
    """Nothing is found where nothing was damaged."""
    shutil.rmtree(folder / "hurt", ignore_errors=True)
    shutil.copytree(start, folder / "hurt")
    end = forked(lambda: use(Project(folder / "hurt")), 120)
    assert end.value is True or use.__name__ in ("fsck", "read"), end
    assert end.how == "value" and not _SAID.search(end.said), (use, end)


def damage(path: Path, chance: random.Random) -> str:
    """Flip one bit of the file, or cut it."""
    data = bytearray(path.read_bytes())
    if chance.random() < 0.2:
        length = chance.randrange(len(data))
        path.write_bytes(data[:length])
        return f"cut to {length} of {len(data)} bytes"
    at, bit = chance.randrange(len(data)), chance.randrange(8)
    data[at] ^= 1 << bit
    path.write_bytes(data)
    return f"bit {bit} of byte {at} of {len(data)}"


def _artefacts(folder: Path) -> list[tuple[str, Path, Path, Use]]:
    """Kind, project that holds it whole, path in it, and what reads it next: True for equal bits."""
    checkpoint.INTERVAL_SECONDS, checkpoint.LARGEST_SHARE = 0.0, 1e9
    warm_up()
    full = make_project(folder / "full")
    add_chapters(full)
    keys = {kind: task.run.key or "" for kind, task in tasks_of(full).items()}
    for kind in keys:
        assert forked(lambda kind=kind: execute(full, tasks_of(full)[kind])).how == "value"
    wanted = {kind: bits(full, keys[kind]) for kind in keys}
    end = forked(lambda: command(full, "render", "--engine", "embedded", "--to", "html"), 120)
    assert end.how == "value", end.said
    page = _text(full.root)

    def read(project: Project) -> bool:
        command(project, "status")
        return False

    def fsck(project: Project) -> bool:
        command(project, "fsck")
        return False

    def render(project: Project) -> bool:
        shutil.rmtree(project.root / "_output")
        try:
            command(project, "render", "--engine", "embedded", "--to", "html")
        except SystemExit as ended:
            if ended.code:
                raise
        return _text(project.root) == page

    def computed(kind: str) -> Use:
        def use(project: Project) -> bool:
            shutil.rmtree(project.runs / keys[kind], ignore_errors=True)
            execute(project, tasks_of(project)[kind])
            return bits(project, keys[kind]) == wanted[kind]

        return use

    half = _interrupted(folder / "half")
    found: list[tuple[str, Path, Path, Use]] = [
        ("checkpoint", half.root, next(half.runs.glob(".scratch/*/checkpoint*")), computed("cnn"))
    ]
    for kind in ("cnn", "probe"):
        for path in sorted((full.runs / keys[kind]).iterdir()):
            use = fsck if path.suffix == ".safetensors" else render
            found.append(("result", full.root, path, use))
    for note in ("datasets.json", "weights.json"):
        if (full.runs / note).exists():
            found.append((note, full.root, full.runs / note, render))
    for path in sorted((full.root / "data").rglob("*")):
        if path.is_file() and not path.name.endswith((".lock", ".gitignore")):
            kind = path.relative_to(full.root / "data").parts
            found.append(
                (
                    "/".join(kind[: -1 if kind[0] == ".cache" else 1]),
                    full.root,
                    path,
                    computed("probe"),
                )
            )
    for path in sorted((full.root / "_freeze").rglob("*")):
        if path.is_file() and "typ" not in path.as_posix():
            found.append(("freeze", full.root, path, render))
    return [(kind, start, path.relative_to(start), use) for kind, start, path, use in found]


def _text(root: Path) -> str:
    """The pages' text and figures: all that a reader sees."""
    pages = sorted(
        path for path in (root / "_output").rglob("*") if path.suffix in (".html", ".svg")
    )
    return "".join(path.read_text() for path in pages)


def _interrupted(root: Path) -> Project:
    project = make_project(root)
    calls = 0

    def stop() -> bool:
        nonlocal calls
        calls += 1
        return calls > 6

    def half() -> str:
        task = tasks_of(project)["cnn"]
        return Worker(project, "cpu", should_stop=stop).execute(Task(task.run)).how

    end: End = forked(half)
    assert end.value == "interrupted", end
    return project
