"""Optimisers and schedules: what decays, what is trained, how fast each layer learns, and when."""

from __future__ import annotations

import copy

import pytest
import torch
from made_data import digits
from torch import nn
from torch.optim import lr_scheduler

from cvlib.models.build import build
from cvlib.models.spec import BackboneSpec, CustomCNNSpec
from cvlib.training.clock import Seconds
from cvlib.training.optimizers import (
    factor,
    freeze,
    lr_factors,
    make_optimizer,
    parameter_groups,
    set_learning_rate,
    train_mode,
)
from cvlib.training.outcome import Head
from cvlib.training.run import train
from cvlib.training.spec import (
    AdamWSpec,
    ConstantSpec,
    CosineSpec,
    OneCycleSpec,
    ScheduleSpec,
    SGDSpec,
    StepSpec,
    TrainSpec,
)


def small_cnn() -> nn.Module:
    torch.manual_seed(0)
    model = build(CustomCNNSpec(width=4), image_size=(8, 8), channels=1, num_classes=10)
    return model.to(memory_format=torch.channels_last)


def test_norms_and_biases_do_not_decay_and_everything_else_does():
    model = small_cnn()
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
    model = small_cnn()
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
    mine, theirs = small_cnn(), small_cnn()
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
    model = small_cnn()
    frozen = next(model.parameters()).requires_grad_(False)
    groups = parameter_groups(model, TrainSpec(optimizer=SGDSpec(weight_decay=0.1)))
    assert all(frozen is not parameter for group in groups for parameter in group["params"])


def test_the_learning_rate_is_set_for_every_group():
    optimizer = make_optimizer(TrainSpec(), copy.deepcopy(small_cnn()))
    set_learning_rate(optimizer, 0.123)
    assert [group["lr"] for group in optimizer.param_groups] == [0.123, 0.123]


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
        head=Head(weight, bias, Seconds(wall=1000.0, compute=2000.0)), keep_features=True,
    )  # fmt: skip
    assert headed.metrics["train_seconds"] > 1000 > plain.metrics["train_seconds"]
    assert headed.metrics["train_compute_seconds"] > 2000 > plain.metrics["train_compute_seconds"]
    assert headed.history[0]["seconds"] > 1000 and headed.history[0]["compute_seconds"] > 2000
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


EPOCHS, STEPS = 6, 7
TOTAL = EPOCHS * STEPS


def ours(schedule: ScheduleSpec) -> list[float]:
    return [factor(schedule, step, steps_per_epoch=STEPS, epochs=EPOCHS) for step in range(TOTAL)]


def theirs(make, every: int = 1) -> list[float]:
    """The lr of a torch schedule that is stepped after each `every` steps, from lr 1."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = make(optimizer)
    values = []
    for step in range(TOTAL):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step < TOTAL - 1 and (step + 1) % every == 0:
            scheduler.step()
    return values


@pytest.mark.parametrize("peak_at", [0.01, 0.3, 0.5, 0.9])
def test_one_cycle_is_torchs(peak_at):
    expected = theirs(
        lambda o: lr_scheduler.OneCycleLR(
            o, max_lr=1.0, total_steps=TOTAL, pct_start=peak_at, div_factor=10, final_div_factor=50
        )
    )
    mine = ours(OneCycleSpec(peak_at=peak_at, start_divisor=10, end_divisor=50))
    assert mine == pytest.approx(expected, abs=1e-12)


def test_cosine_is_torchs():
    expected = theirs(lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=TOTAL, eta_min=0.1))
    assert ours(CosineSpec(final_factor=0.1)) == pytest.approx(expected, abs=1e-12)


def test_step_is_torchs():
    expected = theirs(lambda o: lr_scheduler.StepLR(o, step_size=2, gamma=0.3), every=STEPS)
    assert ours(StepSpec(every_epochs=2, gamma=0.3)) == pytest.approx(expected, abs=1e-12)


def test_warm_up_is_torchs_linear_before_cosine():
    warmup = 2 * STEPS
    expected = theirs(
        lambda o: lr_scheduler.SequentialLR(
            o,
            [
                lr_scheduler.LinearLR(o, start_factor=1 / (warmup + 1), total_iters=warmup),
                lr_scheduler.CosineAnnealingLR(o, T_max=TOTAL - warmup),
            ],
            milestones=[warmup],
        )
    )
    assert ours(CosineSpec(warmup_epochs=2)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("schedule", [ConstantSpec, StepSpec, CosineSpec])
def test_warm_up_rises_in_a_straight_line_to_the_full_rate(schedule):
    values = ours(schedule(warmup_epochs=1.5))
    warmup = round(1.5 * STEPS)
    assert values[:warmup] == pytest.approx([(i + 1) / (warmup + 1) for i in range(warmup)])
    assert values[warmup] == 1.0


def test_constant_is_constant():
    assert set(ours(ConstantSpec())) == {1.0}


@pytest.mark.parametrize("schedule", [ConstantSpec(), StepSpec(), CosineSpec(), OneCycleSpec()])
@pytest.mark.parametrize("steps", [1, 2, 3, 10])
def test_the_shortest_trainings_have_a_positive_rate(schedule, steps):
    values = [factor(schedule, step, steps_per_epoch=steps, epochs=1) for step in range(steps)]
    assert all(0 < value <= 1 for value in values)
