"""A small project on the digits that come with scikit-learn: nothing is fetched."""

import pytest

from cvlib.project import Project
from cvlib.studies.execute import Ended, Worker
from cvlib.studies.executors import RunNews
from cvlib.studies.run import run_experiments

EXPERIMENT = """\
title: Digits
question: Do wider networks read digits better?
dataset: {name: digits, subset: 400}
base:
  model: {depth: 2, width: 4}
  train: {epochs: 2, batch_size: 32, optimizer: {name: sgd, lr: 0.05}}
variants:
  base: {}
  wide: {factor: width, set: {model.width: 8}}
  adam: {factor: optimiser, set: {train.optimizer: {name: adamw, lr: 3e-3}}}
seeds: [0]
"""


def again(project: Project) -> Project:
    """The same project as the next command sees it."""
    return Project(project.root, project.profile)


@pytest.fixture
def layout(tmp_path):
    (tmp_path / "_quarto.yml").write_text("project: {type: book}\n")
    (tmp_path / "experiments").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "experiments" / "exp01.yaml").write_text(EXPERIMENT)
    return Project(tmp_path)


@pytest.fixture
def edit(layout):
    """Replace text in the experiment's YAML."""

    def replace(old: str, new: str) -> None:
        path = layout.experiment_file("exp01")
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return replace


class FakeExecutor:
    """Trains nothing: hands out the news that `tell(task)` makes, and remembers what it was asked."""

    place = "no process"

    def __init__(self, tell=None):
        self.asked, self.stopped = [], False
        self._tell = tell or (lambda task: [Ended("done")])

    def submit(self, tasks):
        for task in tasks:
            if self.stopped:
                return
            self.asked.append(task.run.name)
            yield RunNews(0, task.run)
            for said in self._tell(task):
                yield None
                kind = "ended" if isinstance(said, Ended) else "progress"
                yield RunNews(0, task.run, **{kind: said})

    def stop(self):
        self.stopped = True


def run_here(project: Project, *experiments, **settings):
    """`cvlib run` in this process: the workers' own are tried in test_run.py."""
    worker = Worker(project, device="cpu")
    executor = FakeExecutor(lambda task: [worker.execute(task)])
    return run_experiments(project, *experiments, executor=executor, **settings)
