"""Optimisers and schedules: what is trained, what decays, and how fast each layer learns, when.

A learning rate is a pure function of the step: there is nothing to save, nothing to resume.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from cvlib.training.spec import (
    AdamWSpec,
    CosineSpec,
    OneCycleSpec,
    ScheduleSpec,
    StepSpec,
    TrainSpec,
)


def make_optimizer(spec: TrainSpec, model: nn.Module) -> torch.optim.Optimizer:
    """The optimiser of a recipe over all trainable parameters of `model`."""
    groups = parameter_groups(model, spec)
    # One fused kernel a step where torch has one (0.15 ms instead of 1 ms for ten parameters on a
    # CPU). It works element by element, so its bits do not depend on threads or order.
    fused = next(model.parameters()).device.type in ("cuda", "cpu")
    chosen = spec.optimizer
    if isinstance(chosen, AdamWSpec):
        betas = (chosen.beta1, chosen.beta2)
        return torch.optim.AdamW(groups, lr=chosen.lr, betas=betas, fused=fused)
    return torch.optim.SGD(
        groups, lr=chosen.lr, momentum=chosen.momentum, nesterov=chosen.nesterov, fused=fused
    )


def parameter_groups(model: Any, spec: TrainSpec) -> list[dict[str, Any]]:
    """Trainable parameters by weight decay and by `lr_factor`, what their learning rate is of lr.

    Matrices and kernels decay; scales, offsets and biases (one axis) do not: pulling those to zero
    only loses fit (He et al., 2019, "Bag of Tricks", 3.1). Neither does what a model names in
    `no_weight_decay()`, such as position embeddings.
    """
    exempt: set[str] = getattr(model, "no_weight_decay", set)()
    factors = lr_factors(model, spec)
    groups: dict[tuple[float, bool], dict[str, Any]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        decays = parameter.ndim > 1 and name not in exempt
        new = {
            "params": [],
            "weight_decay": spec.optimizer.weight_decay if decays else 0.0,
            "lr_factor": factors[name],
        }
        groups.setdefault((factors[name], decays), new)["params"].append(parameter)
    return list(groups.values())


def set_learning_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Use `lr` for the next step, each group in its proportion."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group["lr_factor"]


def freeze(model: Any, unfrozen_stages: int | None) -> None:
    """Train only the head and the last `unfrozen_stages` stages of the body; None: everything.

    Raises ValueError for more stages than the body has.
    """
    if unfrozen_stages is None:
        return
    stages = model.stages()
    if unfrozen_stages > len(stages):
        raise ValueError(
            f"train.unfrozen_stages is {unfrozen_stages}, but this backbone has {len(stages)} "
            "stages: give a smaller number, or null to train all of it"
        )
    frozen = {name for stage in stages[: len(stages) - unfrozen_stages] for name in stage}
    for name, parameter in model.named_parameters():
        if name in frozen:
            parameter.requires_grad_(False)


def lr_factors(model: Any, spec: TrainSpec) -> dict[str, float]:
    """Name of each parameter -> its learning rate as a multiple of the recipe's.

    The head has head_lr / lr. With `layer_decay` d, the last stage of the body has d, the one
    before it d**2, and so on (Bao et al., 2022, "BEiT", and Clark et al., 2020, "ELECTRA").
    """
    factors = dict.fromkeys((name for name, _ in model.named_parameters()), 1.0)
    if spec.head_lr is None and spec.layer_decay is None:
        return factors
    stages = model.stages()
    body = {name for stage in stages for name in stage}
    if spec.head_lr is not None:
        head = spec.head_lr / spec.optimizer.lr
        factors = {name: factor if name in body else head for name, factor in factors.items()}
    if spec.layer_decay is not None:
        for distance, stage in enumerate(reversed(stages), start=1):
            factors.update(dict.fromkeys(stage, spec.layer_decay**distance))
    return factors


def train_mode(model: nn.Module, batch_norm: str | None) -> None:
    """Training mode, but for batch norms that are frozen: their statistics stay as they were.

    Those are the ones whose scale is frozen; with batch_norm `frozen`, all of them. Their scale and
    offset are trained as the recipe says, either way.
    """
    model.train()
    for module in model.modules():
        if isinstance(module, _BatchNorm) and (
            batch_norm == "frozen" or (module.affine and not module.weight.requires_grad)
        ):
            module.eval()


def factor(schedule: ScheduleSpec, step: int, *, steps_per_epoch: int, epochs: int) -> float:
    """What the optimiser's lr is multiplied by at `step` (from 0, counted over all epochs)."""
    total = steps_per_epoch * epochs
    if isinstance(schedule, OneCycleSpec):
        return _one_cycle(schedule, step, total)
    warmup = round((schedule.warmup_epochs or 0) * steps_per_epoch)
    if step < warmup:
        return (step + 1) / (warmup + 1)  # a straight line that reaches 1 at step `warmup`
    if isinstance(schedule, StepSpec):
        return schedule.gamma ** (step // (steps_per_epoch * schedule.every_epochs))
    if isinstance(schedule, CosineSpec):
        return _cosine(1.0, schedule.final_factor, (step - warmup) / max(1, total - warmup))
    return 1.0


def _cosine(start: float, end: float, progress: float) -> float:
    # end + (start - end) * (1 + cos(pi * progress)) / 2
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2


def _one_cycle(schedule: OneCycleSpec, step: int, total: int) -> float:
    """As torch.optim.lr_scheduler.OneCycleLR with anneal_strategy="cos" (momentum is left alone).

    One difference: a training of a single step runs at lr, where torch would take the last value.
    """
    if total == 1:
        return 1.0
    first = 1 / schedule.start_divisor
    peak, last = schedule.peak_at * total - 1, total - 1
    if peak > 0 and step <= peak:
        return _cosine(first, 1.0, step / peak)
    return _cosine(1.0, first / schedule.end_divisor, (step - peak) / (last - peak))
