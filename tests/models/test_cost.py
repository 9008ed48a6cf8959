"""Parameters and FLOPs against counts made by hand."""

from __future__ import annotations

import torch

from cvlib.models.build import build, count_flops, count_parameters
from cvlib.models.spec import CustomCNNSpec, CustomViTSpec


def model(**fields):
    return build(CustomCNNSpec(**fields), image_size=(28, 28), channels=1, num_classes=10)


def test_parameters_by_hand():
    convolutions = 9 * (1 * 32 + 32 * 64 + 64 * 128)
    norms = 2 * (32 + 64 + 128)
    assert count_parameters(model()) == convolutions + norms + 128 * 10 + 10


def test_flops_by_hand_two_for_each_multiply_add():
    macs = 28 * 28 * 9 * 32 + 14 * 14 * 9 * 32 * 64 + 7 * 7 * 9 * 64 * 128 + 128 * 10
    assert count_flops(model(), (1, 28, 28)) == 2 * macs


def test_counting_changes_neither_the_model_nor_the_random_state():
    net = model(dropout=0.5)
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
