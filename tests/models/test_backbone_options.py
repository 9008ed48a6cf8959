"""Pooling, stem, sizes and dropping do what the spec says, or say why they cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import nn

from cvlib.models.backbone import Backbone, Pooling
from cvlib.models.build import build
from cvlib.models.spec import BackboneSpec
from cvlib.models.stages import stages

VIT = "vit_tiny_patch16_224"
REGISTERS = "vit_small_patch14_reg4_dinov2"
CLIP = "vit_base_patch32_clip_224.openai"


def make(name: str = VIT, channels: int = 3, **fields: Any) -> Backbone:
    torch.manual_seed(0)
    spec = BackboneSpec(name=name, **{"weights": None, "image_size": 32, **fields})
    model = build(spec, image_size=(24, 24), channels=channels, num_classes=7)
    assert isinstance(model, Backbone)
    return model.eval()


def tokens(model: Backbone, images: torch.Tensor) -> torch.Tensor:
    """(N, tokens, D) after the final norm."""
    body: Any = model.body
    return body.forward_features(images)


@pytest.mark.parametrize(("name", "size", "prefix"), [(VIT, 48, 1), (REGISTERS, 42, 5)])
def test_token_poolings_read_the_tokens_they_name(name, size, prefix):
    images = torch.randn(2, 3, size, size)
    found, words = {}, {}
    for pooling in ("cls", "patch_mean", "cls_patch_mean"):
        model = make(name, pooling=pooling, image_size=size)
        with torch.no_grad():
            found[pooling] = model.pooled(images)
            last = tokens(model, images)
        words[pooling] = model.protocol()
        assert found[pooling].shape == (2, model.num_features)
    assert last.shape[1] == 9 + prefix
    torch.testing.assert_close(found["cls"], last[:, 0])
    torch.testing.assert_close(found["patch_mean"], last[:, prefix:].mean(dim=1))
    torch.testing.assert_close(
        found["cls_patch_mean"], torch.cat([found["cls"], found["patch_mean"]], dim=1)
    )
    assert len(set(words.values())) == 3


@pytest.mark.parametrize("pooling", ["cls", "patch_mean", "cls_patch_mean"])
def test_under_every_pooling_every_parameter_has_a_gradient(pooling):
    # SigLIP has a pooling with parameters of its own, which go where another is asked for
    for name in [VIT, *(["vit_base_patch16_siglip_224"] if pooling == "patch_mean" else [])]:
        model = make(name, pooling=pooling).train()
        nn.init.normal_(model.head.weight)
        model(torch.rand(2, 3, 32, 32)).logsumexp(dim=1).sum().backward()
        unused = [key for key, value in model.named_parameters() if value.grad is None]
        assert not unused


@pytest.fixture(scope="module")
def clip() -> dict[str | None, Backbone]:
    return {pooling: make(CLIP, pooling=pooling, image_size=64) for pooling in (None, "projection")}


def test_clip_features_are_before_the_projection_unless_it_is_asked_for(clip):
    before, after = clip[None], clip["projection"]
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(after.pooled(images), after.body.head(before.pooled(images)))
    assert (before.num_features, after.num_features) == (768, 512)
    assert isinstance(before.body.head, nn.Identity)
    assert before.protocol() == (
        "class token after the final norm, 64×64 bicubic, centre crop 0.9, 768 values"
    )
    assert after.protocol() == (
        "class token through CLIP's projection after the final norm, 64×64 bicubic, "
        "centre crop 0.9, 512 values"
    )


def test_the_projection_belongs_to_the_body_and_its_last_stage(clip):
    assert {"body.head.weight", "body.head.bias"} <= set(clip["projection"].stages()[-1])
    assert len(clip["projection"].stages()) == len(clip[None].stages()) == 13


@pytest.mark.parametrize(
    ("name", "pooling", "named"),
    [
        ("resnet18", "cls", "average"),
        ("resnet18", "projection", "average"),
        ("tf_efficientnet_lite0", "patch_mean", "average"),
        (VIT, "average", "cls, patch_mean, cls_patch_mean"),
        (VIT, "projection", "cls, patch_mean, cls_patch_mean"),
        ("vit_base_patch32_clip_224.laion2b_ft_in12k_in1k", "projection", "cls, patch_mean"),
        ("mobilenetv3_small_050", "average", r"timm's own alone \(avg\): give null"),
    ],
)
def test_a_pooling_that_a_model_has_not_is_an_error_with_those_it_has(name, pooling, named):
    with pytest.raises(ValueError, match=rf"{name} has no pooling '{pooling}', it has {named}"):
        make(name, pooling=pooling)


@pytest.mark.parametrize(
    ("name", "size", "resolved", "words"),
    [
        ("resnet18", 32, "average", "average pool of the last map, 32×32"),
        (VIT, 32, "cls", "class token after the final norm, 32×32"),
        ("convnext_atto", 32, "average", "average pool of the last map, 32×32"),
        ("fastvit_t8", 64, "average", "average pool of the last map, 64×64"),
        ("mobilenetv3_small_050", 32, "avg", "timm's own pooling (avg), 32×32"),
        ("resnet50_clip.openai", 224, "token", "timm's own pooling (token), 224×224"),
        ("swin_tiny_patch4_window7_224", 224, "average", "average pool of the last map, 224×224"),
        ("vit_wee_patch16_reg1_gap_256", 32, "patch_mean", "mean of the patch tokens, then the"),
        ("vit_base_patch16_siglip_224", 32, "map", "timm's own pooling (map) after the final norm"),
        ("mixer_s32_224", 224, "avg", "timm's own pooling (avg), 224×224"),
    ],
)  # fmt: skip
def test_other_families_of_timm_keep_their_own_pooling(name, size, resolved, words):
    model = make(name, image_size=size)
    assert model.pooling.name == resolved
    assert model.protocol().startswith(words)
    with torch.no_grad():
        assert model.features(torch.rand(1, 1, 20, 20)).shape == (1, model.num_features)
    names = [key for stage in model.stages() for key in stage]
    assert sorted(names) == sorted(
        key for key, _ in model.named_parameters() if not key.startswith("head.")
    )


def test_attention_pooling_is_no_class_token():
    with pytest.raises(ValueError, match=r"no pooling 'cls', it has timm's own alone \(token\)"):
        make("resnet50_clip.openai", pooling="cls", image_size=224)


def test_a_map_that_vgg_reads_through_more_layers_is_not_called_its_average():
    with torch.device("meta"):  # a hundred million parameters
        model = timm.create_model("vgg11")
    assert Pooling(model, None, "vgg11").words == "timm's own pooling (avg)"


def test_a_small_stem_keeps_four_times_the_map_on_each_side():
    usual, small = make("resnet18"), make("resnet18", stem="small")
    images = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        assert tokens(usual, images).shape == (1, 512, 1, 1)
        assert tokens(small, images).shape == (1, 512, 4, 4)
    assert small.body.conv1.weight.shape == (64, 3, 3, 3)
    assert "3×3 stem, 512 values" in small.protocol()
    assert small.stages()[0] == usual.stages()[0]


@pytest.mark.parametrize("name", [VIT, "tf_efficientnet_lite0", "resnet18d"])
def test_a_small_stem_is_for_resnets_with_the_usual_one(name):
    with pytest.raises(ValueError, match=rf"stem: small.*7x7 stem of a ResNet.*{name}"):
        make(name, stem="small")


@pytest.mark.parametrize(
    ("name", "size", "near"),
    [
        ("vit_small_patch14_dinov2.lvd142m", 96, "84 and 98"),
        (VIT, 100, "96 and 112"),
        (VIT, 8, "16"),
    ],
)
def test_a_size_that_patches_do_not_fill_is_an_error_with_the_nearest(name, size, near):
    with pytest.raises(ValueError, match=rf"image_size {size} .*{name}.*: .*{near}$"):
        make(name, image_size=size)


def test_crop_widens_or_narrows_what_is_seen():
    assert make("resnet18").preprocess.resize == 33
    assert make("resnet18", crop=1.0).preprocess.resize == 32
    assert "centre crop" not in make("resnet18", crop=1.0).protocol()
    assert make("resnet18", crop=0.5).preprocess.resize == 64


@pytest.mark.parametrize("name", ["resnet18", VIT, "tf_efficientnet_lite0"])
@pytest.mark.parametrize("option", ["dropout", "drop_path"])
def test_dropping_acts_in_training_only(name, option):
    model, images = make(name, **{option: 0.9}), torch.rand(8, 3, 32, 32)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)  # a block that starts at zero would not be missed
    nn.init.normal_(model.head.weight)
    with torch.no_grad():
        assert torch.equal(model(images), model(images))
        model.train()
        assert not torch.equal(model(images), model(images))


def test_drop_path_where_there_is_nothing_to_skip_is_an_error():
    with pytest.raises(ValueError, match=r"vgg11.*drop_path"):
        make("vgg11", drop_path=0.1)


def test_an_unknown_name_is_an_error_with_those_near_it():
    with pytest.raises(ValueError, match=r"no model 'resnet19'; near it: .*resnet18"):
        make("resnet19")
    with pytest.raises(ValueError, match=r"resnet18\.nonsense"):
        make("resnet18.nonsense")


@pytest.mark.parametrize("name", ["hf-hub:timm/resnet18", "local-dir:/tmp/resnet18"])
def test_a_name_never_leads_to_a_download_or_a_folder(name):
    with pytest.raises(ValueError, match="timm has no model"):
        make(name)


def test_declared_weights_are_never_left_out_nor_undeclared_ones_loaded():
    with pytest.raises(ValueError, match=r"with weights pretrained, but the file .* None"):
        make("resnet18", weights="pretrained")
    spec = BackboneSpec(name="resnet18", weights=None)
    with pytest.raises(
        ValueError, match=r"declared with weights null .*, but the file .* some\.pt"
    ):
        build(spec, image_size=(8, 8), channels=3, num_classes=2, weights=Path("some.pt"))


def test_a_body_that_timm_does_not_group_has_no_stages():
    with pytest.raises(ValueError, match="no parameters of a Linear"):
        stages(nn.Linear(2, 2))


def test_stages_leave_out_what_they_are_told_to():
    body = timm.create_model("resnet18", num_classes=0)
    names = [key for stage in stages(body, leave_out=("conv1.weight",)) for key in stage]
    assert sorted([*names, "conv1.weight"]) == sorted(key for key, _ in body.named_parameters())
