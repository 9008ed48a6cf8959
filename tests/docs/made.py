"""A small project of its own, in which the documents' commands are run as a reader would."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from cvlib.starting.project import new_project
from tests.docs.documents import ROOT
from tests.starting.made import pictures

SMALL = {  # tiny instead of small, so that the commands take seconds
    "subset: 2000 ": "subset: 200 ",
    "epochs: 8": "epochs: 1",
    "seeds: [0, 1, 2]": "seeds: [0, 1]",
}
BACKBONE = """\
title: A backbone whose weights come with the installation
question: Can weights be listed, packed and unpacked?
dataset: {name: digits, subset: 100}
base:
  model: {kind: backbone, name: tf_efficientnet_lite0, image_size: 32}
  train: {mode: linear_probe}
"""


@dataclass(frozen=True)
class Project:
    """A project, its folder and the name of its PDF; `.venv/bin/cvlib` runs the cvlib in `source`."""

    root: Path
    pdf: str
    source: Path = ROOT

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a line of shell in the project; output and errors come together."""
        given = {k: v for k, v in os.environ.items() if k not in ("QUARTO", "CVLIB_PROFILE")}
        # no Quarto: the embedded engine is what every machine has
        given |= {"PYTHONPATH": str(self.source), "PATH": f"{self.root}/.venv/bin:/usr/bin:/bin"}
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self.root,
            env=given,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )


@dataclass(frozen=True)
class Step:
    """What a command is expected to do in a project.

    says: each is in what it prints; makes: each is there afterwards ({pdf} in them is the name of
    the project's PDF); code: its exit code.
    instead: what is run for it, where the command itself takes too long for a test.
    """

    says: tuple[str, ...] = ()
    makes: tuple[str, ...] = ()
    code: int = 0
    instead: str | None = None

    def follow(self, project: Project, command: str) -> None:
        done = project.run(self.instead or command)
        where = f"{command}\n{done.stdout}"
        assert done.returncode == self.code, where
        assert "Traceback" not in done.stdout, where
        for said in (text.replace("{pdf}", project.pdf) for text in self.says):
            assert said in done.stdout, f"{said!r} is not said by {where}"
        for path in (text.replace("{pdf}", project.pdf) for text in self.makes):
            assert (project.root / path).exists(), f"{path} was not made by {where}"


def small_project(folder: Path) -> Project:
    """A project as `cvlib init` makes it, made small, with pictures and a backbone to ask for."""
    made = new_project(folder, "Ivan Franko", title="Reading digits")
    root = made.root
    shrink(root / "experiments/exp01.yaml")
    (root / "experiments/exp09.yaml").write_text(BACKBONE)
    pictures(root / "pictures/birds", each=10)
    with_tools(root)
    return Project(root, made.pdf)


def shrink(experiment: Path) -> None:
    """Make the experiment of the template tiny."""
    text = experiment.read_text()
    for old, new in SMALL.items():
        assert old in text
        text = text.replace(old, new)
    experiment.write_text(text)


def with_tools(root: Path) -> None:
    """`.venv/bin` of the project: this Python, and the command."""
    folder = root / ".venv/bin"
    folder.mkdir(parents=True)
    for name, rest in (("cvlib", "-m cvlib "), ("python", "")):
        tool = folder / name
        tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" {rest}"$@"\n')
        tool.chmod(0o755)
    (root / ".venv/.installed").touch()
