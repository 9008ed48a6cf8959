"""Learning-rate schedules as pure functions of the step: nothing to save, nothing to resume."""

from __future__ import annotations

import math

from cvlib.training.spec import CosineSpec, OneCycleSpec, ScheduleSpec, StepSpec


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
