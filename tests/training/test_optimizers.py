"""Optimisers: what decays, and that fused kernels do the same arithmetic."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from cvlib.models.build import build
from cvlib.models.spec import CustomCNNSpec
from cvlib.training.optimizers import make_optimizer, parameter_groups, set_learning_rate
from cvlib.training.spec import AdamWSpec, SGDSpec, TrainSpec


def network() -> nn.Module:
    torch.manual_seed(0)
    model = build(CustomCNNSpec(width=4), image_size=(8, 8), channels=1, num_classes=10)
    return model.to(memory_format=torch.channels_last)


def test_norms_and_biases_do_not_decay_and_everything_else_does():
    model = network()
    decay, keep = parameter_groups(model, TrainSpec(optimizer=SGDSpec(weight_decay=0.1)))
    assert (decay["weight_decay"], keep["weight_decay"]) == (0.1, 0.0)
    expected_keep = {
        id(parameter)
        for module in model.modules()
        for name, parameter in module.named_parameters(recurse=False)
        if isinstance(module, nn.BatchNorm2d) or name == "bias"
    }
    assert {id(parameter) for parameter in keep["params"]} == expected_keep
    both = [id(parameter) for parameter in decay["params"] + keep["params"]]
    assert sorted(both) == sorted(id(parameter) for parameter in model.parameters())


@pytest.mark.parametrize("spec", [SGDSpec(lr=0.1), AdamWSpec(lr=0.1)])
def test_weight_decay_alone_shrinks_kernels_only(spec):
    model = network()
    before = {name: value.clone() for name, value in model.named_parameters()}
    optimizer = make_optimizer(
        TrainSpec(optimizer=spec.model_copy(update={"weight_decay": 0.5})), model
    )
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for name, value in model.named_parameters():
        if value.ndim > 1:
            assert value.norm() < before[name].norm(), name
        else:
            assert torch.equal(value, before[name]), name


@pytest.mark.parametrize(
    ("spec", "reference"),
    [
        (
            SGDSpec(lr=0.1, weight_decay=0.0),
            lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, foreach=False),
        ),
        (
            AdamWSpec(lr=0.01, weight_decay=0.0),
            lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.0, foreach=False),
        ),
    ],
)
def test_fused_updates_equal_plain_ones(spec, reference):
    mine, theirs = network(), network()
    optimizers = [
        make_optimizer(TrainSpec(optimizer=spec), mine),
        reference(list(theirs.parameters())),
    ]
    images = torch.randn(16, 1, 8, 8)
    for _ in range(5):
        for model, optimizer in zip((mine, theirs), optimizers, strict=True):
            optimizer.zero_grad()
            model(images).square().mean().backward()
            optimizer.step()
    for a, b in zip(mine.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_frozen_parameters_are_left_out():
    model = network()
    frozen = next(model.parameters()).requires_grad_(False)
    groups = parameter_groups(model, TrainSpec(optimizer=SGDSpec(weight_decay=0.1)))
    assert all(frozen is not parameter for group in groups for parameter in group["params"])


def test_the_learning_rate_is_set_for_every_group():
    optimizer = make_optimizer(TrainSpec(), copy.deepcopy(network()))
    set_learning_rate(optimizer, 0.123)
    assert [group["lr"] for group in optimizer.param_groups] == [0.123, 0.123]
