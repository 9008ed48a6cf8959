"""Schedules against torch's own where they coincide, and at their ends where they do not."""

from __future__ import annotations

import pytest
import torch
from torch.optim import lr_scheduler

from cvlib.training.optimizers import factor
from cvlib.training.spec import ConstantSpec, CosineSpec, OneCycleSpec, ScheduleSpec, StepSpec

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
