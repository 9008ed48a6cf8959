"""Training specs refuse what would be ignored or cannot work."""

from __future__ import annotations

from typing import get_args

import pytest
from pydantic import BaseModel, ValidationError

from cvlib.training.spec import (
    AdamWSpec,
    ConstantSpec,
    CosineSpec,
    OneCycleSpec,
    SGDSpec,
    StepSpec,
    TrainSpec,
)

ALL = [TrainSpec, SGDSpec, AdamWSpec, ConstantSpec, StepSpec, CosineSpec, OneCycleSpec]


@pytest.mark.parametrize(
    "fields",
    [
        {"epochs": 0},
        {"batch_size": 0},
        {"learning_rate": 0.1},
        {"label_smoothing": 0.0},  # off is null: one way to say it
        {"ema_decay": 1.0},
        {"precision": "float16"},
        {"optimizer": {"name": "adamw", "momentum": 0.9}},
        {"optimizer": {"name": "adam"}},
        {"optimizer": {"name": "sgd", "lr": 0.0}},
        {"optimizer": {"name": "sgd", "momentum": 0.0}},  # nesterov is on
        {"schedule": {"name": "one_cycle", "warmup_epochs": 1}},
        {"schedule": {"name": "cosine", "gamma": 0.1}},
        {"epochs": 2, "schedule": {"name": "constant", "warmup_epochs": 2}},
    ],
)
def test_a_wrong_training_spec_is_refused(fields):
    with pytest.raises(ValidationError):
        TrainSpec(**fields)


def test_a_union_is_read_by_its_name():
    spec = TrainSpec.model_validate({"optimizer": {"name": "sgd"}, "schedule": {"name": "step"}})
    assert spec.optimizer == SGDSpec()
    assert spec.schedule == StepSpec()
    assert TrainSpec.model_validate_json(spec.model_dump_json()) == spec


@pytest.mark.parametrize("spec", ALL)
def test_every_field_says_what_it_is(spec: type[BaseModel]):
    for name, field in spec.model_fields.items():
        assert field.description, name
        assert "\n" not in field.description
        assert not field.is_required(), name


def test_unions_hold_every_optimiser_and_schedule():
    unions = {name: TrainSpec.model_fields[name].annotation for name in ("optimizer", "schedule")}
    assert set(get_args(unions["optimizer"])) == {SGDSpec, AdamWSpec}
    assert set(get_args(unions["schedule"])) == {ConstantSpec, StepSpec, CosineSpec, OneCycleSpec}
