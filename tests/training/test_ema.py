"""The average of weights: its formula, its ramp, and what becomes of buffers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cvlib.training.checkpoint import WeightAverage


def test_the_average_follows_its_formula_with_a_ramp():
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 5.0)
    average = WeightAverage(model, 0.5)
    expected = 5.0
    for step in range(12):
        nn.init.constant_(model.weight, float(step))
        average.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
        assert average.model.weight.item() == pytest.approx(expected, rel=1e-6)


def test_running_statistics_are_averaged_and_counters_copied():
    model = nn.BatchNorm2d(1)
    average = WeightAverage(model, 0.9)
    model.running_mean.fill_(10.0)
    model.num_batches_tracked.fill_(7)
    average.update(1000)
    assert average.model.running_mean.item() == pytest.approx(1.0)
    assert average.model.num_batches_tracked.item() == 7


def test_the_average_is_evaluated_not_trained_and_the_model_is_left_alone():
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    average = WeightAverage(model, 0.9)
    average.update(0)
    assert not average.model.training
    assert model.training
    assert not any(parameter.requires_grad for parameter in average.model.parameters())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_the_average_follows_the_model_after_a_state_is_loaded():
    model = nn.Linear(1, 1, bias=False)
    average = WeightAverage(model, 0.5)
    model.load_state_dict({"weight": torch.full((1, 1), 3.0)})
    average.model.load_state_dict({"weight": torch.full((1, 1), 1.0)})
    average.update(1000)
    assert average.model.weight.item() == pytest.approx(2.0)
