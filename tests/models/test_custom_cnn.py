"""The custom CNN family does what its spec says."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from cvlib.models.build import build
from cvlib.models.spec import CustomCNNSpec


def make(size: tuple[int, int] = (28, 28), channels: int = 1, **fields: Any) -> nn.Module:
    torch.manual_seed(0)
    return build(CustomCNNSpec(**fields), image_size=size, channels=channels, num_classes=10)


@pytest.mark.parametrize("size", [(4, 4), (5, 7), (8, 8), (28, 28), (33, 17)])
@pytest.mark.parametrize("pooling", ["max", "avg", "stride"])
@pytest.mark.parametrize("residual", [False, True])
def test_any_image_size_and_channel_count_gives_logits(size, pooling, residual):
    for channels, depth, kernel_size in [(1, 1, 3), (3, 5, 1), (4, 3, 7)]:
        model = make(
            size, channels, depth=depth, width=4, kernel_size=kernel_size,
            pooling=pooling, residual=residual,
        )  # fmt: skip
        logits = model(torch.randn(2, channels, *size))
        assert logits.shape == (2, 10)
        assert torch.isfinite(logits).all()


@pytest.mark.parametrize("norm", ["batch", "group", None])
@pytest.mark.parametrize("activation", ["relu", "gelu", "silu", "leaky_relu"])
@pytest.mark.parametrize("dropout", [None, 0.5])
def test_every_norm_and_activation_has_a_gradient_in_every_parameter(norm, activation, dropout):
    model = make(norm=norm, activation=activation, dropout=dropout, width=6, residual=True)
    model(torch.randn(4, 1, 28, 28)).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


def test_channels_double_and_maps_halve_down_to_two_pixels():
    model = make(depth=5, width=8, convs_per_block=2)
    shapes: list[tuple[int, ...]] = []
    for block in model.blocks:
        block.register_forward_hook(lambda _m, _i, out: shapes.append(tuple(out.shape[1:])))
    model(torch.randn(1, 1, 28, 28))
    assert shapes == [(8, 14, 14), (16, 7, 7), (32, 3, 3), (64, 3, 3), (128, 3, 3)]
    assert sum(isinstance(module, nn.Conv2d) for module in model.modules()) == 10


def test_stride_replaces_the_pooling_with_the_same_parameters():
    pooled, strided = make(pooling="max"), make(pooling="stride")
    assert [p.shape for p in pooled.parameters()] == [p.shape for p in strided.parameters()]
    assert not any(isinstance(module, nn.MaxPool2d) for module in strided.modules())


def test_residual_adds_the_input():
    # With its convolutions at zero a plain block gives nothing and a residual one its shortcut.
    for residual in (False, True):
        model = make(depth=1, norm=None, residual=residual)
        for module in model.blocks[0].convolutions:
            if isinstance(module, nn.Conv2d):
                nn.init.zeros_(module.weight)
        out = model.blocks[0](torch.ones(1, 1, 28, 28))
        assert bool(out.abs().sum() > 0) is residual


@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_pooling_before_a_rising_activation_changes_no_value_and_no_gradient(activation):
    quick, plain = make(activation=activation, width=4), make(activation=activation, width=4)
    for block in plain.blocks:
        assert isinstance(block.end[0], nn.MaxPool2d)
        block.end = nn.Sequential(block.end[1], block.end[0])
    images = torch.randn(8, 1, 28, 28)
    losses = [model(images).square().mean() for model in (quick, plain)]
    assert torch.equal(*losses)
    for loss in losses:
        loss.backward()
    for a, b in zip(quick.parameters(), plain.parameters(), strict=True):
        assert torch.equal(a.grad, b.grad)


@pytest.mark.parametrize("activation", ["gelu", "silu"])
def test_an_activation_that_dips_comes_before_its_pooling(activation):
    assert isinstance(make(activation=activation).blocks[0].end[1], nn.MaxPool2d)


def test_dropout_acts_in_training_only():
    model, images = make(dropout=0.5), torch.randn(2, 1, 28, 28)
    assert not torch.equal(model(images), model(images))
    model.eval()
    assert torch.equal(model(images), model(images))


def test_same_seed_same_weights():
    for mine, other in zip(make().parameters(), make().parameters(), strict=True):
        assert torch.equal(mine, other)


def test_without_a_norm_a_deep_net_keeps_its_scale():
    model = make((64, 64), depth=6, width=8, norm=None, convs_per_block=2)
    logits = model(torch.randn(8, 1, 64, 64))
    assert 0.01 < logits.std() < 100


def test_group_norm_takes_a_width_that_eight_does_not_divide():
    model = make(width=6, norm="group")
    groups = [m.num_groups for m in model.modules() if isinstance(m, nn.GroupNorm)]
    assert groups == [2, 4, 8]


def test_too_small_an_image_is_an_error_that_says_so():
    with pytest.raises(ValueError, match=r"3x9 are too small.*at least 4.*image_size"):
        make((3, 9))


@pytest.mark.parametrize(
    "fields",
    [
        {"kernel_size": 4}, {"depth": 0}, {"width": 0}, {"norm": "layer"}, {"dropout": 0.0},
        {"dropout": 1.0}, {"pooling": "none"}, {"activation": "tanh"}, {"layers": 3},
    ],
)  # fmt: skip
def test_spec_refuses_what_it_cannot_build(fields):
    with pytest.raises(ValidationError):
        CustomCNNSpec(**fields)
