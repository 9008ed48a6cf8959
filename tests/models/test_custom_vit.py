"""The small vision transformer does what its spec says, at any image size."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from cvlib.models.build import build, count_parameters
from cvlib.models.custom_vit import CustomViT
from cvlib.models.spec import CustomViTSpec


def make(size: tuple[int, int] = (28, 28), channels: int = 1, **fields: Any) -> CustomViT:
    torch.manual_seed(0)
    spec = CustomViTSpec(**{"width": 32, "depth": 2, "heads": 2, **fields})
    model = build(spec, image_size=size, channels=channels, num_classes=10)
    assert isinstance(model, CustomViT)
    return model


@pytest.mark.parametrize(("size", "patch_size"), [((8, 8), 2), ((28, 28), 4), ((32, 48), 8)])
@pytest.mark.parametrize("pooling", ["cls", "average"])
@pytest.mark.parametrize("channels", [1, 3])
def test_any_size_that_patches_fill_gives_logits_and_gradients(size, patch_size, pooling, channels):
    model = make(size, channels, patch_size=patch_size, pooling=pooling)
    logits = model(torch.rand(3, channels, *size))
    assert logits.shape == (3, 10)
    assert torch.isfinite(logits).all()
    logits.square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


def test_parameters_by_hand():
    width, patches, classes = 32, 49, 10
    embedding = width * (4 * 4 + 1) + (patches + 1) * width + width
    block = 2 * 2 * width + (3 * width + width) * width + 4 * width + 8 * width**2 + 5 * width
    assert count_parameters(make()) == embedding + 2 * block + 2 * width + (width + 1) * classes


def test_average_pooling_has_no_class_token():
    assert make().num_prefix_tokens == 1
    assert make(pooling="average").num_prefix_tokens == 0
    assert count_parameters(make()) - count_parameters(make(pooling="average")) == 2 * 32


@pytest.mark.parametrize("option", ["dropout", "drop_path"])
def test_dropping_acts_in_training_only(option):
    # of enough images, so that all of them keeping the same blocks is out of the question
    model, images = make(**{option: 0.5}), torch.rand(32, 1, 28, 28)
    assert not torch.equal(model(images), model(images))
    model.eval()
    assert torch.equal(model(images), model(images))
    plain = make()
    plain.train()
    assert torch.equal(plain(images), plain(images))


def test_drop_path_rises_to_the_last_block():
    rates = [
        getattr(block.drop_path1, "drop_prob", 0.0) for block in make(depth=3, drop_path=0.2).blocks
    ]
    assert rates == pytest.approx([0.0, 0.1, 0.2])


def test_patches_are_seen_where_they_are():
    model = make().eval()
    images = torch.rand(1, 1, 28, 28)
    assert not torch.allclose(model(images), model(images.flip(-1)), atol=1e-6)


def test_every_parameter_but_the_heads_is_in_one_stage_in_order():
    model = make(depth=4)
    stages = model.stages()
    assert len(stages) == 5
    assert {"cls_token", "pos_embed", "patch_embed.proj.weight"} <= set(stages[0])
    assert "norm.weight" in stages[-1]
    names = [name for stage in stages for name in stage]
    body = [name for name, _ in model.named_parameters() if not name.startswith("head.")]
    assert sorted(names) == sorted(body)
    assert model.no_weight_decay() >= {"cls_token", "pos_embed"}


def test_an_image_smaller_than_a_patch_is_an_error_that_says_so():
    with pytest.raises(ValueError, match=r"8x28 are smaller than one patch of 16.*patch_size"):
        make((8, 28), patch_size=16)


def test_patches_that_do_not_fill_the_image_are_an_error_with_the_sizes_that_do():
    with pytest.raises(ValueError, match=r"28x28 .*patches of 5 pixels.* 1, 2, 4, 7, 14, 28,"):
        make(patch_size=5)
    with pytest.raises(ValueError, match=r"28x30 .*patches of 4 pixels.* 1, 2, or"):
        make((28, 30), patch_size=4)


@pytest.mark.parametrize("fields", [{"heads": 3}, {"patch_size": 0}, {"pooling": "projection"}])
def test_spec_refuses_what_it_cannot_build(fields):
    with pytest.raises(ValidationError):
        CustomViTSpec(**fields)


def test_it_learns_where_a_bright_patch_is():
    torch.manual_seed(0)
    labels = torch.arange(64) % 4
    images = torch.rand(64, 1, 8, 8) * 0.5
    for image, label in zip(images, labels.tolist(), strict=True):
        row, column = divmod(label, 2)
        image[0, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] += 0.5
    model = make((8, 8), patch_size=4)
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(60):
        loss = nn.functional.cross_entropy(model(images), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert (model(images).argmax(1) == labels).float().mean() > 0.95
