"""Every kind of model is built by its family, from the seed alone; costs against counts by hand."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from cvlib.models.backbone import Backbone
from cvlib.models.build import build, count_flops, count_parameters
from cvlib.models.custom_cnn import CustomCNN
from cvlib.models.custom_vit import CustomViT
from cvlib.models.spec import FAMILIES, BackboneSpec, CustomCNNSpec, CustomViTSpec

SHAPE = {"image_size": (16, 16), "channels": 1, "num_classes": 5}
SPECS = [
    (CustomCNNSpec(width=4), CustomCNN),
    (CustomViTSpec(width=16, depth=1), CustomViT),
    (BackboneSpec(name="resnet18", weights=None, image_size=32), Backbone),
]


@pytest.mark.parametrize(("spec", "family"), SPECS)
def test_the_kind_chooses_the_family_and_the_seed_its_weights(spec, family):
    built = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        built.append(build(spec, **SHAPE).state_dict())
    torch.manual_seed(3)
    assert isinstance(build(spec, **SHAPE), family)
    same, again, other = built
    assert all(torch.equal(value, again[name]) for name, value in same.items())
    assert not all(torch.equal(value, other[name]) for name, value in same.items())


def test_every_kind_is_tested_above():
    assert {spec.kind for spec, _ in SPECS} == set(FAMILIES)


def test_a_custom_cnn_is_built_as_it_always_was():
    spec = CustomCNNSpec(width=4)
    torch.manual_seed(0)
    through_build = build(spec, **SHAPE)
    torch.manual_seed(0)
    by_hand = CustomCNN(spec, **SHAPE)
    for mine, other in zip(through_build.parameters(), by_hand.parameters(), strict=True):
        assert torch.equal(mine, other)


def test_building_a_custom_cnn_does_not_wait_for_timm():
    code = (
        "import sys; from cvlib.models.build import build; from cvlib.models.spec import *;"
        "build(CustomCNNSpec(), image_size=(8, 8), channels=1, num_classes=2);"
        "assert 'timm' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def cnn(**fields):
    return build(CustomCNNSpec(**fields), image_size=(28, 28), channels=1, num_classes=10)


def test_parameters_by_hand():
    convolutions = 9 * (1 * 32 + 32 * 64 + 64 * 128)
    norms = 2 * (32 + 64 + 128)
    assert count_parameters(cnn()) == convolutions + norms + 128 * 10 + 10


def test_flops_by_hand_two_for_each_multiply_add():
    macs = 28 * 28 * 9 * 32 + 14 * 14 * 9 * 32 * 64 + 7 * 7 * 9 * 64 * 128 + 128 * 10
    assert count_flops(cnn(), (1, 28, 28)) == 2 * macs


def test_counting_changes_neither_the_model_nor_the_random_state():
    net = cnn(dropout=0.5)
    net.train()
    buffers = {name: value.clone() for name, value in net.named_buffers()}
    state = torch.get_rng_state()
    count_flops(net, (1, 28, 28))
    assert net.training
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(buffers[name], value) for name, value in net.named_buffers())


def test_attention_counts_by_its_two_matrix_products():
    spec = CustomViTSpec(patch_size=4, depth=2, width=32, heads=4)
    model = build(spec, image_size=(8, 8), channels=1, num_classes=10)
    tokens, width, patches = 5, 32, 4
    block = 12 * tokens * width**2 + 2 * tokens**2 * width
    expected = 2 * (2 * block + patches * 16 * width + 10 * width)
    assert count_flops(model, (1, 8, 8)) == expected
