"""Seconds and memory until EXP01's dashboard is made, from nothing and opened again.

    python benchmarks/dashboard.py --json dashboard.json            about a minute and a half

10,000 test images of Fashion-MNIST and four stored runs, as `cvlib dashboard exp01` opens them,
in a copy of the project that has no pictures and no database yet. Every opening is a process of its
own, its MongoDB included; the App is not started. See benchmarks/README.md.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from common import PROJECT, machine, parser, write_json

RUNS = ("convs-2", "width-32", "depth-4", "base")
GOALS = {"from nothing": 60.0, "opened again": 20.0}
GOAL_MEMORY = 3.0  # GB

# One opening; prints a line of JSON: step -> seconds, and what was made.
OPENING = """
import json, os, sys, time
from pathlib import Path
steps, last = {}, time.perf_counter()
def step(name):
    global last
    now = time.perf_counter()
    steps[name], last = now - last, now
from cvlib.project import Project
layout = Project(Path(sys.argv[1]))
from cvlib.dashboard.content import gather
from cvlib.dashboard.environment import prepare, writing_alone
content = gather(layout, "exp01", sys.argv[2:])
content.digest
step("images, scores and views")
prepare(layout)
step("MongoDB")
import fiftyone
step("import of FiftyOne")
from cvlib.dashboard.dataset import open_dataset
with writing_alone(layout):
    dataset = open_dataset(content, layout)
step("dataset")
counts = {name: len(dataset.load_saved_view(name)) for name in dataset.list_saved_views()}
assert counts == {name: len(ids) for name, ids in content.views.items()}, counts
print(json.dumps({"steps": steps, "images": len(dataset), "views": len(counts)}))
"""


def copy_of_project(root: Path) -> None:
    """What a dashboard reads: experiments, their results, and the downloaded images."""
    shutil.copyfile(PROJECT / "_quarto.yml", root / "_quarto.yml")
    shutil.copytree(PROJECT / "experiments", root / "experiments")
    (root / "data").mkdir()
    images = "FashionMNIST"
    if (PROJECT / "data" / images).exists():  # else they are fetched, on the clock
        shutil.copytree(PROJECT / "data" / images, root / "data" / images)


def opening(root: Path) -> dict[str, Any]:
    """Seconds from the start of the process to its end, and the most memory of it and MongoDB."""
    import psutil

    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", OPENING, str(root), *RUNS],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        text=True,
    )
    own = psutil.Process(process.pid)
    most = 0
    while process.poll() is None:
        memory = 0
        for one in [own, *own.children(recursive=True)]:
            try:
                memory += one.memory_info().rss
            except psutil.Error:  # it ended meanwhile
                continue
        most = max(most, memory)
        time.sleep(0.2)
    output = process.stdout.read() if process.stdout else ""
    if process.returncode:
        raise SystemExit(f"the opening failed with exit code {process.returncode}")
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "memory_gb": most / 1e9, **json.loads(output.splitlines()[-1])}


def main() -> None:
    arguments = parser(__doc__).parse_args()
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    found: dict[str, Any] = {"machine": machine(arguments.threads), "openings": {}}
    with tempfile.TemporaryDirectory(prefix="cvlib-dashboard-") as folder:
        root = Path(folder)
        copy_of_project(root)
        for name, goal in GOALS.items():
            row = found["openings"][name] = opening(root)
            print(
                f"{name}: {row['seconds']:.1f} s (goal {goal:.0f}), {row['memory_gb']:.2f} GB "
                f"(goal {GOAL_MEMORY:g}), {row['images']} images, {row['views']} views"
            )
            for step, seconds in row["steps"].items():
                print(f"  {step:28s}{seconds:6.1f} s")
    print(f"load before: {found['machine']['load_before']}")
    if arguments.json:
        write_json(arguments.json, found)


if __name__ == "__main__":
    main()
