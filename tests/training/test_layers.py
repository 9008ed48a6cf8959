"""What of a backbone is trained, and how fast each layer of it learns."""

from __future__ import annotations

import pytest
import torch
from made_data import digits

from cvlib.models.build import build
from cvlib.models.spec import BackboneSpec, CustomCNNSpec
from cvlib.training.optimizers import (
    freeze,
    lr_factors,
    make_optimizer,
    set_learning_rate,
    train_mode,
)
from cvlib.training.outcome import Head
from cvlib.training.run import train
from cvlib.training.spec import AdamWSpec, ConstantSpec, SGDSpec, TrainSpec

RESNET = BackboneSpec(name="test_resnet", weights=None, image_size=32, crop=1.0)
VIT = BackboneSpec(name="test_vit", weights=None, image_size=32, crop=1.0)
SGD = SGDSpec(lr=0.1, weight_decay=0.01)


def network(spec=VIT):
    torch.manual_seed(0)
    return build(spec, image_size=(8, 8), channels=1, num_classes=10)


def test_all_learn_alike_by_default():
    assert set(lr_factors(network(), TrainSpec()).values()) == {1.0}


def test_layer_decay_falls_by_its_factor_from_stage_to_stage_and_spares_the_head():
    model = network()
    factors = lr_factors(model, TrainSpec(layer_decay=0.5))
    stages = model.stages()
    for distance, stage in enumerate(reversed(stages), start=1):
        assert {factors[name] for name in stage} == {0.5**distance}
    assert factors["head.weight"] == factors["head.bias"] == 1.0
    assert factors["body.patch_embed.proj.weight"] == 0.5 ** len(stages)


def test_the_head_has_its_own_rate_and_the_schedule_moves_all_of_them():
    model = network()
    optimizer = make_optimizer(TrainSpec(optimizer=SGD, head_lr=1.0, layer_decay=0.5), model)
    set_learning_rate(optimizer, 0.05)
    rate = {
        name: group["lr"]
        for group in optimizer.param_groups
        for parameter in group["params"]
        for name, candidate in model.named_parameters()
        if candidate is parameter
    }
    assert rate["head.weight"] == pytest.approx(0.5)  # ten times the rest, at half the peak
    assert rate[model.stages()[-1][0]] == pytest.approx(0.025)
    assert rate.keys() == {name for name, _ in model.named_parameters()}


def test_embeddings_are_not_pulled_to_zero():
    model = network()
    optimizer = make_optimizer(TrainSpec(optimizer=SGD), model)
    undecayed = {
        id(p) for g in optimizer.param_groups if g["weight_decay"] == 0 for p in g["params"]
    }
    assert id(model.body.pos_embed) in undecayed and id(model.body.cls_token) in undecayed
    assert id(model.head.weight) not in undecayed


@pytest.mark.parametrize("spec", [RESNET, VIT])
@pytest.mark.parametrize("unfrozen", [0, 1, 2])
def test_partial_unfreezing_leaves_the_first_stages_as_they_were(spec, unfrozen, tmp_path):
    before = network(spec)
    stages = before.stages()
    recipe = TrainSpec(
        epochs=1, batch_size=64, optimizer=SGD, schedule=ConstantSpec(), unfrozen_stages=unfrozen
    )
    outcome = train(digits(), spec, recipe, 0, device="cpu", workdir=tmp_path)
    trained = build_from(spec, outcome.weights["last"])
    initial = initial_weights(spec)
    kept = {name for stage in stages[: len(stages) - unfrozen] for name in stage}
    changed = {name for name, value in trained.items() if not torch.equal(value, initial[name])}
    assert not changed & kept
    assert "head.weight" in changed
    assert bool(changed & {n for s in stages[len(stages) - unfrozen :] for n in s}) is bool(
        unfrozen
    )
    # batch norms of what is frozen keep their statistics, too
    frozen = tuple({name.rsplit(".", 1)[0] for name in kept if name.endswith(".weight")})
    assert not [n for n in changed if n.startswith(frozen) and "running" in n and not unfrozen]


def initial_weights(spec):
    """As `train` draws them from seed 0."""
    from cvlib.training.device import owned_random_state

    with owned_random_state(0, torch.device("cpu")):
        model = build(spec, image_size=(8, 8), channels=1, num_classes=10)
    return model.state_dict()


def build_from(spec, path):
    from safetensors.torch import load_file

    return load_file(path)


def test_frozen_batch_norms_keep_their_statistics_and_others_follow():
    for option, expected in (("frozen", set()), (None, None)):
        model = network(RESNET)
        train_mode(model, option)
        norms = {m.training for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)}
        assert norms == ({False} if option else {True}), expected
        assert model.head.training


def test_more_stages_than_there_are_is_an_error_that_says_how_many():
    with pytest.raises(ValueError, match=r"unfrozen_stages is 99, but this backbone has \d+"):
        freeze(network(), 99)


def test_a_custom_network_has_no_stages_to_choose_from():
    model = build(CustomCNNSpec(width=4), image_size=(8, 8), channels=1, num_classes=10)
    with pytest.raises(ValueError, match="is no backbone"):
        freeze(model, 1)


def test_fine_tuning_starts_from_the_given_head_and_counts_its_seconds(tmp_path):
    data = digits()
    width = network(RESNET).num_features
    torch.manual_seed(1)
    weight, bias = torch.randn(10, width).numpy(), torch.randn(10).numpy()
    recipe = TrainSpec(
        epochs=1,
        batch_size=64,
        optimizer=AdamWSpec(lr=1e-9, weight_decay=0.0),
        schedule=ConstantSpec(),
    )
    plain = train(data, RESNET, recipe, 0, device="cpu", workdir=tmp_path / "a")
    headed = train(
        data, RESNET, recipe, 0, device="cpu", workdir=tmp_path / "b",
        head=Head(weight, bias, seconds=1000.0), keep_features=True,
    )  # fmt: skip
    assert headed.metrics["train_seconds"] > 1000 > plain.metrics["train_seconds"]
    assert headed.history[0]["seconds"] > 1000
    assert headed.test_features is not None and plain.test_features is None
    expected = headed.test_features @ weight.T + bias
    torch.testing.assert_close(
        torch.from_numpy(headed.test_logits), torch.from_numpy(expected), rtol=1e-3, atol=1e-3
    )


def test_a_backbone_is_trained_to_the_same_bits_twice(tmp_path):
    recipe = TrainSpec(epochs=1, batch_size=64, layer_decay=0.7, head_lr=1e-2)
    logits = [
        train(digits(), VIT, recipe, 3, device="cpu", workdir=tmp_path / name).test_logits
        for name in "ab"
    ]
    assert (logits[0] == logits[1]).all()
