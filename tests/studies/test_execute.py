"""A run whose features cannot be mapped is kept, without maps and with the reason."""

from __future__ import annotations

import numpy as np
import pytest

from cvlib.project import Project
from cvlib.results.store import Store
from cvlib.studies.execute import Task, Worker
from cvlib.training import run as training

COLLAPSED = """\
title: Digits
question: Does a network whose features are all equal keep its result?
dataset: {name: digits, subset: 200, test_subset: 60}
base:
  model: {kind: backbone, name: test_vit, image_size: 32, crop: 1.0, weights: none}
  train: {epochs: 1, batch_size: 64}
variants:
  base: {}
  mapped: {set: {embedding: {perplexity: 5, images: 50}}}
seeds: [0]
"""


@pytest.fixture
def task(layout):
    layout.experiment_file("exp01").write_text(COLLAPSED)
    return Task(Project(layout.root, layout.profile).plan("exp01").runs[1])


def trained(layout, task):
    ended = Worker(layout, "cpu").execute(task)
    assert ended.how == "done", ended.reason
    return Store(layout.runs).read(task.run.key)


def test_a_finished_training_is_not_lost_for_its_maps(layout, task, monkeypatch):
    original = training.train

    def collapsing(*given, **named):
        outcome = original(*given, **named)
        assert outcome.test_features is not None
        outcome.test_features[:] = 1
        return outcome

    monkeypatch.setattr(training, "train", collapsing)
    run = trained(layout, task)
    assert 0 <= run.metrics["test_accuracy"] <= 1 and len(run.predictions().labels) == 60
    assert run.embedding() is None and "silhouette" not in run.metrics
    reason = "all 50 rows of features are equal: there is nothing to map"
    assert run.tables["maps_left_out"] == [{"reason": reason}]


def test_features_that_can_be_mapped_leave_no_such_note(layout, task):
    run = trained(layout, task)
    maps = run.embedding()
    assert maps is not None and maps["tsne"].shape == (50, 2)
    assert maps["perplexity"].shape == () and maps["perplexity"] == np.float32(5)
    assert "maps_left_out" not in run.tables
