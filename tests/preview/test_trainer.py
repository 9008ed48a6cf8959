"""`cvlib preview --train`: a training beside the preview, which ends with it and can go on later."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cvlib.preview.run import Trainer
from cvlib.project import Project
from cvlib.studies.progress import trainings
from tests.preview.command import is_alive, previewed, wait_until
from tests.preview.made import counted_book

DIGITS = """\
title: Digits
question: How far does a tiny network get?
dataset: {name: digits, subset: 400}
base:
  model: {depth: 2, width: 4}
  train: {epochs: 5000, batch_size: 32, optimizer: {name: sgd, lr: 0.05}}
variants: {base: {}}
seeds: [0]
"""
ONE = '# One {#sec-one}\n\n```{python}\nfrom cvlib.journal import experiment\nexperiment("exp01").run()\n```\n'


@pytest.mark.slow
def test_ending_the_preview_leaves_a_checkpoint_and_no_process(tmp_path):
    root = counted_book(tmp_path / "book", one=ONE, two="# Two\n")
    (root / "experiments").mkdir()
    (root / "experiments" / "exp01.yaml").write_text(DIGITS)
    project = Project(root)
    with previewed(root, "--train") as command:
        wait_until(
            lambda: any((run["epoch"] or 0) > 1 for each in trainings(project.runs) for run in each["runs"]),
            120,
            command.log.read_text,
        )  # fmt: skip
        [file] = (project.runs / ".scratch").glob("progress-*.json")
        pid = int(file.stem.rpartition("-")[2])
        assert is_alive(pid)
        assert command.end(seconds=60) == 0
        assert not is_alive(pid) and not file.exists()
    left = {path.name for path in (project.runs / ".scratch").glob("*/*")}
    assert left > {"code.json"}, "no checkpoint"


@pytest.fixture
def started(monkeypatch):
    """Commands that a trainer starts, in place of which a short one runs."""
    commands: list[list[str]] = []
    real = subprocess.Popen

    def popen(command, **options):
        commands.append(command)
        return real([sys.executable, "-c", ""], **options)

    monkeypatch.setattr("cvlib.preview.run.subprocess.Popen", popen)
    return commands


def test_what_failed_is_not_tried_for_ever_and_what_is_new_is(started, tmp_path):
    trainer = Trainer(Project(tmp_path, "quick"))
    for runs, count in ((["a k1", "b k2"], 1), (["b k2"], 1), (["b k3"], 2), (["b k3", "a k1"], 2)):
        trainer.train(["exp01"], runs)
        assert len(started) == count
        wait_until(lambda: not trainer.is_training)
    assert started[0][1:] == ["-m", "cvlib", "run", "exp01", "--profile", "quick"]
    trainer.stop()
