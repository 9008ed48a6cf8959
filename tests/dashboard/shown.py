"""A small project with real runs on the digits, and its dashboard as a person starts it."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from cvlib.dashboard.environment import find_mongod
from cvlib.project import Project
from cvlib.studies.run import run_experiments

EXPERIMENT = """\
title: Digits
question: Do wider networks read digits better?
dataset: {name: digits, subset: 300, test_subset: 200}
base:
  model: {depth: 2, width: 4}
  train: {epochs: 2, batch_size: 32, optimizer: {name: sgd, lr: 0.05}}
variants:
  narrow: {}
  wide: {factor: width, set: {model.width: 8}}
seeds: [0]
"""
KEEPER = "keeper.py"
RUNS = ("--run", "narrow", "--run", "wide")

needs_fiftyone = pytest.mark.skipif(
    find_spec("fiftyone") is None, reason="FiftyOne is not installed; `make dashboard` does that"
)
needs_mongod = pytest.mark.skipif(
    find_mongod() is None,
    reason="no mongod here; `python -m cvlib.dashboard.environment --install` says more",
)


_trained: list[Project] = []


def trained(factory: pytest.TempPathFactory) -> Project:
    """The project, its two runs trained once a session. Not to be changed: see `copied`."""
    if _trained:
        return _trained[0]
    root = factory.mktemp("digits")
    (root / "_quarto.yml").write_text("project: {type: book}\n")
    (root / "experiments").mkdir()
    (root / "data").mkdir()
    (root / "experiments" / "exp01.yaml").write_text(EXPERIMENT)
    layout = Project(root)
    assert not run_experiments(layout, workers=1).failed
    _trained.append(layout)
    return layout


def copied(layout: Project, root: Path) -> Project:
    """A copy of a project, without its database."""
    shutil.copytree(layout.root, root, ignore=shutil.ignore_patterns("fiftyone*"))
    return Project(root)


def without_fiftyone() -> dict[str, str]:
    """The environment as a shell has it, whatever FiftyOne this process may have open."""
    return {name: value for name, value in os.environ.items() if not name.startswith("FIFTYONE_")}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Command:
    """`cvlib dashboard` in a process of its own, as from a terminal of its own."""

    def __init__(
        self,
        layout: Project,
        *,
        experiment: str = "exp01",
        runs: Sequence[str] = RUNS,
        port: int | None = None,
        **popen,
    ) -> None:
        self.port = port or free_port()
        self.said: list[str] = []
        self._seen: dict[int, psutil.Process] = {}
        command = ["dashboard", experiment, *runs, "--port", str(self.port), "--no-browser"]
        self.process = psutil.Popen(
            [sys.executable, "-m", "cvlib", *command],
            cwd=layout.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env=without_fiftyone(),
            **popen,
        )
        self._reader = threading.Thread(target=lambda: self.said.extend(self.process.stdout))
        self._reader.start()

    @property
    def output(self) -> str:
        return "".join(self.said)

    @property
    def url(self) -> str | None:
        found = re.search(r"dashboard: (http\S+)", self.output)
        return found and found[1]

    def wait_for(self, sign, seconds: float = 120.0) -> None:
        """Until sign() is true; the processes seen meanwhile are remembered."""
        end = time.monotonic() + seconds
        while not sign():
            assert self.process.poll() is None, self.output
            assert time.monotonic() < end, self.output
            self.remember()
            time.sleep(0.1)
        self.remember()

    def remember(self) -> None:
        for child in self.process.children(recursive=True):
            self._seen.setdefault(child.pid, child)

    def open(self) -> Command:
        """Wait until the App can be opened."""
        self.wait_for(lambda: self.url)
        return self

    def running(self, name: str) -> list[psutil.Process]:
        """Processes of the dashboard whose command line has this in it, without their keepers."""
        lines = {child: " ".join(child.cmdline()) for child in self.alive()}
        return [child for child, line in lines.items() if name in line and KEEPER not in line]

    def alive(self) -> list[psutil.Process]:
        living = [child for child in self._seen.values() if child.is_running()]
        return [child for child in living if child.status() != psutil.STATUS_ZOMBIE]

    def end(self, number: int, seconds: float = 20.0) -> int:
        """Send a signal to the command alone; its exit code."""
        self.remember()
        self.process.send_signal(number)
        code = self.process.wait(seconds)
        self.join()
        return code

    def join(self) -> None:
        """Read what it said to the end."""
        self._reader.join(20)

    def left_over(self, seconds: float = 15.0) -> list[str]:
        """What still runs when nothing ends any more."""
        psutil.wait_procs(self._seen.values(), timeout=seconds)
        return [" ".join(child.cmdline()) for child in self.alive()]
