"""Eight `cvlib run` on the same twenty runs, with readers beside them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from cvlib.project import Project
from tests.faults.made import add_chapters, make_project
from tests.faults.tally import Tally

EXPERIMENT = """\
title: Twenty
question: Is each made once?
dataset: {name: digits, subset: 100, test_subset: 50}
base:
  model: {depth: 1, width: 2}
  train: {epochs: 1, batch_size: 50}
variants:
  cnn: {label: CNN}
seeds: [SEEDS]
"""

_EXECUTED = re.compile(r"seed \d+: \d+\.\d+% in ")
READERS = (
    ["status", "--json"],
    ["render", "--engine", "embedded", "--to", "html"],
    ["gc"],
    ["fsck"],
)


def together(folder: Path, runs: int = 20, writers: int = 8) -> Tally:
    """Each run is to be executed once, and nobody is to print a traceback or meet half a state."""
    tally = Tally(
        f"{writers} processes on {runs} runs, with status, render, gc and fsck", "as alone"
    )
    seeds = ", ".join(map(str, range(runs)))
    project = make_project(folder / "project", EXPERIMENT.replace("SEEDS", seeds))
    add_chapters(project)
    started = [_cvlib(project, "run", "--workers", "1") for _ in range(writers)]
    readers = [_cvlib(project, *words) for words in READERS]
    trained = 0
    while started:
        for process in [*started, *readers]:
            if process.poll() is None:
                continue
            said = process.communicate()[0]
            words = process.args[3:]  # type: ignore[index]
            trained += len(_EXECUTED.findall(said))  # by a render, too
            if "Traceback" in said or "damaged" in said or "Errno" in said:
                tally.bad(f"{words}: {said[-400:]}")
            else:
                tally.good()
            if process in started:
                started.remove(process)
                if process.returncode:
                    tally.bad(f"{words} ended by {process.returncode}: {said[-300:]}")
            else:
                readers.remove(process)
                readers.append(_cvlib(project, *words))
        try:
            (started or readers)[0].wait(0.1)
        except subprocess.TimeoutExpired:
            continue
    trained += sum(len(_EXECUTED.findall(p.communicate()[0])) for p in readers)
    states = json.loads(_cvlib(project, "status", "--json", text_only=True).communicate()[0])
    made = json.dumps(states).count('"fresh"')
    if trained == runs:
        tally.good()
    else:
        tally.bad(f"{trained} executions of {runs} runs")
    if made < runs:
        tally.bad(f"{made} fresh runs of {runs}")
    tally.notes.append(f"{trained} executions")
    return tally


def _cvlib(project: Project, *words: str, text_only: bool = False) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "cvlib", *words],
        cwd=project.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if text_only else subprocess.STDOUT,
        text=True,
    )
