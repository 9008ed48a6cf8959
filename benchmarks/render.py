"""Seconds that a render takes when every chapter is frozen and true, and what it would take to execute.

    python benchmarks/render.py --json render.json               about four minutes
    QUARTO=/path/to/quarto python benchmarks/render.py           with Quarto, too: a minute more

In a copy of the project, so that its freeze stays as it is. Each measurement is a process, from its
start to its end; contenders take turns. See benchmarks/README.md.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from common import PROJECT, machine, parser, write_json

from cvlib.engine.quarto import find_quarto

RENDER = [sys.executable, "-m", "cvlib", "render", "--engine", "embedded"]
HOOK = [sys.executable, "-m", "cvlib.freeze.hook"]
KNOWN = Path(".quarto/cvlib/true-default.json")
# name -> command, goal in seconds, whether what was found true before is forgotten first
CONTENDERS: dict[str, tuple[list[str], float | None, bool]] = {
    "PDF, frozen": ([*RENDER, "--to", "pdf"], 2.5, False),
    "PDF and HTML, frozen": ([*RENDER, "--to", "all"], 5.0, False),
    "hook before Quarto, nothing changed": ([*HOOK, "pre"], 0.7, False),
    "hook before Quarto, judged anew": ([*HOOK, "pre"], 0.7, True),
    "hook after Quarto": ([*HOOK, "post"], None, False),
}
EXECUTING = "PDF, every chapter executed"


def copy_of_project(root: Path) -> None:
    """All that git knows of the project, and the downloaded data."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=PROJECT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (PROJECT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(PROJECT / name, root / name)
    for folder in (PROJECT / "data").iterdir():
        if folder.is_dir() and not (root / "data" / folder.name).exists():
            (root / "data" / folder.name).symlink_to(folder.resolve())


def seconds(command: list[str], root: Path) -> float:
    """Wall time of one process; raises CalledProcessError when it fails."""
    environment = {**os.environ, "PYTHONPATH": str(root), "QUARTO_PYTHON": sys.executable}
    environment.pop("CVLIB_PROFILE", None)
    started = time.perf_counter()
    subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True)
    return time.perf_counter() - started


def measure(root: Path, repeats: int) -> dict[str, list[float]]:
    """Seconds of each contender, in turns; one turn before it is not counted."""
    contenders = dict(CONTENDERS)
    quarto = find_quarto()
    if quarto is not None:
        contenders["quarto render, frozen"] = ([str(quarto), "render"], 10.0, False)
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(repeats + 1):
        for name, (command, _, forget) in contenders.items():
            if forget:
                (root / KNOWN).unlink(missing_ok=True)
            taken = seconds(command, root)
            if turn:
                found[name].append(taken)
    found[EXECUTING] = [seconds([*RENDER, "--to", "pdf", "--fresh"], root)]
    return found


def show(found: dict[str, list[float]]) -> None:
    """Print a table; the ratio says how much longer executing takes."""
    goals = {name: goal for name, (_, goal, _) in CONTENDERS.items()}
    goals["quarto render, frozen"] = 10.0
    slow = statistics.median(found[EXECUTING])
    print(f"{'':<38}{'median s':>9}{'lowest':>8}{'highest':>9}{'goal':>6}{'ratio':>8}")
    for name, values in found.items():
        median = statistics.median(values)
        goal = goals.get(name)
        print(
            f"{name:<38}{median:>9.2f}{min(values):>8.2f}{max(values):>9.2f}"
            f"{'' if goal is None else f'{goal:g}':>6}{slow / median:>8.1f}"
        )


def main() -> None:
    """Measure and print."""
    arguments = parser(__doc__)
    arguments.add_argument("--repeats", type=int, default=5)
    options = arguments.parse_args()
    about: dict[str, Any] = {"machine": machine(options.threads), "repeats": options.repeats}
    with tempfile.TemporaryDirectory(prefix="cvlib-benchmark-") as folder:
        root = Path(folder) / "project"
        root.mkdir()
        copy_of_project(root)
        found = measure(root, options.repeats)
    show(found)
    write_json(options.json, {**about, "seconds": found})


if __name__ == "__main__":
    main()
