"""Every backbone that is promised by name builds, gives features as timm does, and trains."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from cvlib.models.backbone import Backbone
from cvlib.models.build import build
from cvlib.models.spec import BackboneSpec

# name -> (image size of the test, features, stages)
PROMISED = {
    "resnet18": (32, 512, 9),
    "resnet34": (32, 512, 17),
    "resnet50": (32, 2048, 17),
    "vit_small_patch16_224": (32, 384, 13),
    "vit_base_patch16_224": (32, 768, 13),
    "vit_small_patch14_dinov2.lvd142m": (28, 384, 13),
    "vit_base_patch14_dinov2.lvd142m": (28, 768, 13),
    "vit_base_patch32_clip_224.openai": (64, 768, 13),
    "tf_efficientnet_lite0": (32, 1280, 17),
}
STEM = {
    "resnet": {"conv1.weight", "bn1.weight"},
    "vit": {"patch_embed.proj.weight", "cls_token", "pos_embed"},
    "tf_eff": {"conv_stem.weight", "bn1.weight"},
}
LAST = {"resnet": "layer4.", "vit": "norm.weight", "tf_eff": "conv_head.weight"}


def make(name: str, classes: int = 7, channels: int = 3, **fields: Any) -> Backbone:
    torch.manual_seed(0)
    spec = BackboneSpec(name=name, **{"weights": None, **fields})
    model = build(spec, image_size=(24, 24), channels=channels, num_classes=classes)
    assert isinstance(model, Backbone)
    return model


def family(name: str) -> str:
    return next(prefix for prefix in STEM if name.startswith(prefix))


@pytest.fixture(scope="module", params=PROMISED)
def promised(request: pytest.FixtureRequest) -> tuple[str, Backbone]:
    """Built once; tests leave it as it was."""
    return request.param, make(request.param, image_size=PROMISED[request.param][0])


@pytest.mark.parametrize(("channels", "size"), [(1, (28, 28)), (3, (40, 24))])
def test_grey_and_colour_of_any_size_give_logits(promised, channels, size):
    name, model = promised
    model.eval()
    images = torch.rand(2, channels, *size)
    with torch.no_grad():
        features, logits = model.features(images), model(images)
    assert features.shape == (2, PROMISED[name][1]) == (2, model.num_features)
    assert features.dtype == torch.float32
    assert logits.shape == (2, 7)
    assert torch.isfinite(features).all()
    torch.testing.assert_close(logits, model.head(features))


def test_every_parameter_learns(promised):
    _, model = promised
    model = deepcopy(model).train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d | nn.LayerNorm):
            nn.init.ones_(module.weight)  # a residual branch that starts at zero has no gradient
    nn.init.normal_(model.head.weight)
    model(torch.rand(4, 3, 40, 40)).logsumexp(dim=1).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        # attention cannot see what is added to all keys, nor batch norm what is added to its input
        assert parameter.grad.any() or name.endswith("bias"), name


def test_stages_cover_the_body_once_from_the_stem_to_the_last_norm(promised):
    name, model = promised
    stages = model.stages()
    assert len(stages) == PROMISED[name][2]
    named = [parameter for stage in stages for parameter in stage]
    body = [key for key, _ in model.named_parameters() if not key.startswith("head.")]
    assert sorted(named) == sorted(body)
    stem, last = STEM[family(name)], LAST[family(name)]
    assert {f"body.{key}" for key in stem} <= set(stages[0])
    assert any(key.startswith(f"body.{last}") for key in stages[-1])


def test_stages_are_in_the_order_of_computing(promised):
    _, model = promised
    model = deepcopy(model).eval()
    stage_of = {key: index for index, stage in enumerate(model.stages()) for key in stage}
    reached: list[int] = []
    for path, module in model.named_modules():
        own = {stage_of[f"{path}.{key}"] for key, _ in module.named_parameters(recurse=False)
               if f"{path}.{key}" in stage_of}  # fmt: skip
        if own and isinstance(module, nn.Conv2d | nn.Linear):
            (stage,) = own
            module.register_forward_pre_hook(lambda *_, stage=stage: reached.append(stage))
    with torch.no_grad():
        model(torch.rand(1, 3, 40, 40))
    assert reached == sorted(reached)
    assert reached


def test_embeddings_are_kept_from_weight_decay(promised):
    name, model = promised
    expected = {"body.cls_token", "body.pos_embed"} if name.startswith("vit") else set()
    assert model.no_weight_decay() == expected


def test_preprocessing_is_the_one_of_timms_config(promised):
    name, model = promised
    config = timm.get_pretrained_cfg(name)
    assert config is not None
    described = model.preprocess.describe()
    assert described["size"] == PROMISED[name][0]
    assert described["crop"] == config.crop_pct
    assert described["interpolation"] == config.interpolation == "bicubic"
    assert described["mean"] == list(config.mean)
    assert described["std"] == list(config.std)


@pytest.mark.parametrize(
    ("name", "size"),
    [("resnet18", 64), ("vit_small_patch14_dinov2.lvd142m", 56), ("tf_efficientnet_lite0", 64)],
)
def test_features_are_what_timm_gives_its_own_classifier(name, size):
    options = {"img_size": size} if name.startswith("vit") else {}
    torch.manual_seed(0)
    reference = timm.create_model(name, **options).eval()
    model = make(name, image_size=size).eval()
    images = torch.rand(2, 3, size, size)
    with torch.no_grad():
        expected = reference.forward_head(reference.forward_features(images), pre_logits=True)
        given = model.pooled(images)
        all_given = model.features(torch.rand(2, 1, 28, 28))
    torch.testing.assert_close(given, expected)
    assert all_given.shape == given.shape


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("resnet18", 224),
        ("vit_small_patch14_dinov2", 518),
        ("vit_small_patch14_dinov2.lvd142m", 518),
        ("tf_efficientnet_lite0.in1k", 224),
    ],
)
def test_without_an_image_size_it_is_timms_and_a_tag_is_not_needed(name, size):
    model = make(name)
    assert model.preprocess.size == size
    assert model.preprocess(torch.rand(1, 1, 9, 9)).shape == (1, 3, size, size)


@pytest.mark.parametrize("name", ["resnet18", "tf_efficientnet_lite0"])
def test_maps_are_pooled_by_a_mean_whose_backward_pass_is_deterministic_on_cuda(name):
    called: set[str] = set()

    class Recorder(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            called.add(func.__name__.split(".")[0])
            return func(*args, **(kwargs or {}))

    with Recorder():
        make(name, image_size=64)(torch.rand(2, 3, 64, 64)).sum().backward()
    assert "mean" in called
    assert not any("adaptive" in function for function in called)


def test_channels_last_gives_the_same_features():
    model = make("resnet18", image_size=32).eval()
    images = torch.rand(2, 3, 32, 32)
    seen: list[bool] = []
    model.body.conv1.register_forward_pre_hook(
        lambda _, given: seen.append(given[0].is_contiguous(memory_format=torch.channels_last))
    )
    with torch.no_grad():
        plain = model.features(images)
        model = model.to(memory_format=torch.channels_last)
        last = model.features(images.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(plain, last, rtol=1e-3, atol=1e-3)
    assert seen == [False, True]


def test_a_new_head_is_zero_and_the_body_does_not_depend_on_it():
    few, many = (make("resnet18", image_size=32, classes=classes) for classes in (3, 300))
    body = dict(many.body.named_parameters())
    assert all(torch.equal(value, body[name]) for name, value in few.body.named_parameters())
    assert not few(torch.rand(2, 3, 8, 8)).any()


def test_a_solved_probe_becomes_the_head():
    model = make("resnet18", image_size=32).eval()
    weight, bias = torch.randn(7, 512), torch.randn(7)
    model.set_head(weight, bias)
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(model(images), model.features(images) @ weight.T + bias)


def test_two_copies_of_one_seed_train_to_the_same_bits():
    def trained() -> list[Tensor]:
        model = make("resnet18", image_size=32, dropout=0.5, drop_path=0.2)
        optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(2):
            loss = nn.functional.cross_entropy(model(torch.rand(4, 3, 24, 24)), torch.arange(4))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        return list(model.parameters())

    assert all(torch.equal(a, b) for a, b in zip(trained(), trained(), strict=True))
