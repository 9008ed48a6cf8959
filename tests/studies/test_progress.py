"""What other processes see of a training: how far it is, and nothing once it has ended."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time

import pytest

from cvlib.studies import progress
from cvlib.studies.execute import Ended
from cvlib.studies.executors import RunNews
from cvlib.studies.progress import ProgressFile, ProgressView, Tally, duration, trainings
from cvlib.studies.run import run_experiments
from cvlib.training.outcome import Progress
from tests.studies.conftest import FakeExecutor


@pytest.fixture
def runs(layout):
    return list(layout.plan("exp01").runs)


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr(progress, "EVERY_SECONDS", 0.0)


def at(epoch, epochs=2, step=0, steps=10):
    return Progress(epoch, epochs, step, steps, 100.0, "train")


def test_a_training_tells_its_runs_epochs_and_time_left(layout, runs, at_once):
    tally = Tally(runs)
    with ProgressFile(layout.runs, tally) as told:
        tally.count(RunNews(0, runs[0]))
        tally.count(RunNews(0, runs[0], progress=at(2)))
        time.sleep(0.01)
        told.update()
        [training] = trainings(layout.runs)
        assert training["experiments"] == {"exp01": [0, 3]}
        under_way = {"name": "exp01/base seed 0", "epoch": 2, "epochs": 2, "phase": "train"}
        assert training["runs"] == [under_way] and training["seconds_left"] > 0
        tally.count(RunNews(0, runs[0], ended=Ended("done", metrics={})))
        told.update()
        assert trainings(layout.runs)[0]["experiments"] == {"exp01": [1, 3]}
    assert trainings(layout.runs) == []
    assert list((layout.runs / ".scratch").iterdir()) == []


def test_runs_that_come_again_do_not_count_as_done(runs):
    tally = Tally(runs)
    for how, done in (("held", 0), ("interrupted", 0), ("there", 1), ("failed", 2)):
        tally.count(RunNews(0, runs[0]))
        tally.count(RunNews(0, runs[0], ended=Ended(how)))
        assert tally.done == done, how
    assert tally.total == 3


def test_time_left_is_not_guessed_from_nothing(runs):
    tally = Tally(runs)
    assert tally.seconds_left() is None
    tally.count(RunNews(0, runs[0]))
    tally.count(RunNews(0, runs[0], progress=at(2, step=5)))
    assert tally.progress == pytest.approx(0.75)
    assert tally.seconds_left() is not None


def test_the_file_is_kept_for_as_long_as_runs_train(layout, at_once):
    seen = []

    def tell(task):
        yield at(1)
        seen.append(trainings(layout.runs)[0]["experiments"]["exp01"])
        yield Ended("done")

    view = ProgressView(sys.stderr, quiet=True)
    summary = run_experiments(layout, view=view, executor=FakeExecutor(tell))
    assert seen == [[0, 3], [1, 3], [2, 3]] and len(summary.done) == 3
    assert trainings(layout.runs) == []


def write(layout, name, **changed):
    record = {"experiments": {"exp01": [0, 3]}, "runs": [], "seconds_left": None, **changed}
    path = layout.runs / ".scratch" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record))
    return path


def test_a_killed_training_is_not_shown_and_the_next_one_clears_up(layout, runs):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = write(layout, f"progress-{socket.gethostname()}-{ended.pid}.json")
    alive = write(layout, f"progress-{socket.gethostname()}-{os.getppid()}.json")
    assert len(trainings(layout.runs)) == 1
    with ProgressFile(layout.runs, Tally(runs)):
        assert not left.exists() and alive.exists()


def test_a_training_of_another_machine_is_shown_until_it_falls_silent(layout):
    path = write(layout, "progress-node-7-4242.json")
    assert len(trainings(layout.runs)) == 1
    past = time.time() - progress.SILENT_SECONDS - 1
    os.utime(path, (past, past))
    assert trainings(layout.runs) == []


def test_a_file_that_cannot_be_read_is_passed_over(layout):
    write(layout, "progress-node-1.json").write_text("{")
    assert trainings(layout.runs) == []
    assert trainings(layout.root / "nowhere") == []


def test_a_store_that_cannot_be_written_stops_no_training(runs, tmp_path):
    (tmp_path / "file").write_text("")
    with ProgressFile(tmp_path / "file", Tally(runs)) as told:
        told.update()


@pytest.mark.parametrize(
    "seconds, words", [(40, "40 s"), (60, "1 min"), (720, "12 min"), (5760, "1.6 h")]
)
def test_durations_are_as_exact_as_an_estimate_is(seconds, words):
    assert duration(seconds) == words
