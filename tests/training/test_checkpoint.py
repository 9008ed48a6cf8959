"""A run killed anywhere continues to the same bits; the average of weights follows its formula."""

from __future__ import annotations

import dataclasses
import io
import json
import logging
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from made_data import digits
from torch import nn

from cvlib.files import open_sealed, write_sealed
from cvlib.models.spec import CustomCNNSpec
from cvlib.training.checkpoint import WeightAverage
from cvlib.training.run import Interrupted, train
from cvlib.training.spec import SGDSpec, TrainSpec

STEPS = {"everything on": 13, "plain": 7}  # of an epoch of 200 images
EPOCHS = 3


def run_script(scenarios: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    file = folder / "scenarios.json"
    file.write_text(json.dumps(scenarios))
    script = Path(__file__).with_name("kill_and_resume.py")
    done = subprocess.run(
        [sys.executable, str(script), str(file)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


SEED = random.SystemRandom().randrange(10**6)  # other points in every run of the tests
CASES = ("never killed", "saved rarely", "before the first step", "in a later epoch",
         "in mid-epoch", "in mid-epoch again", "twice", "while saving", "validating", "testing")  # fmt: skip


def scenario(specs: str, case: str) -> dict[str, Any]:
    total, one_epoch = STEPS[specs] * EPOCHS, STEPS[specs]
    draw = random.Random(f"{SEED} {specs} {case}")
    every_step, kills = {
        "never killed": (True, []),
        "saved rarely": (False, []),  # how often it is saved changes nothing
        "before the first step": (False, ["0"]),
        "in a later epoch": (False, [draw.randrange(one_epoch + 1, total)]),
        "in mid-epoch": (True, [draw.randrange(1, total)]),
        "in mid-epoch again": (True, [draw.randrange(1, total)]),
        "twice": (True, [draw.randrange(2, one_epoch), draw.randrange(2, one_epoch)]),
        "while saving": (True, ["saving 5"]),
        "validating": (False, ["validate"]),
        "testing": (False, ["test"]),
    }[case]
    return {"specs": specs, "every_step": every_step, "kills": [str(kill) for kill in kills]}


@pytest.fixture(scope="module")
def answers(tmp_path_factory) -> dict[tuple[str, str], dict[str, Any]]:
    """What came out of every case, from one process that forks."""
    cases = [(specs, case) for specs in STEPS for case in CASES]
    scenarios = [scenario(specs, case) for specs, case in cases]
    results = run_script(scenarios, tmp_path_factory.mktemp("kill"))
    return dict(zip(cases, results, strict=True))


@pytest.mark.parametrize("case", CASES[1:])
@pytest.mark.parametrize("specs", sorted(STEPS))
def test_a_run_killed_anywhere_and_resumed_equals_an_uninterrupted_one(specs, case, answers):
    answer, kills = answers[specs, case], scenario(specs, case)["kills"]
    where = f"killed at {kills}, drawn with seed {SEED}"
    assert answer["exits"] == [-signal.SIGKILL] * len(kills) + [0], where
    assert answer["outcome"] == answers[specs, "never killed"]["outcome"], where


@pytest.mark.parametrize("specs", sorted(STEPS))
def test_saved_work_is_not_done_again(specs, answers):
    total = STEPS[specs] * EPOCHS
    assert answers[specs, "never killed"]["steps"] == total
    assert answers[specs, "testing"]["steps"] == 0
    # Saved before every step: the fourth file, after three steps, survives the half-written fifth.
    assert answers[specs, "while saving"]["steps"] == total - 3
    for case in ("in mid-epoch", "in mid-epoch again"):
        done_and_saved = int(scenario(specs, case)["kills"][0]) - 1
        if (done_and_saved + 1) % STEPS[specs] == 0:  # the end of an epoch is saved at once
            done_and_saved += 1
        assert answers[specs, case]["steps"] == total - done_and_saved


SPEC = TrainSpec(epochs=2, batch_size=32, optimizer=SGDSpec(lr=0.05), ema_decay=0.9)
MODEL = CustomCNNSpec(depth=1, width=4, dropout=0.2)


def stop_after(steps: int):
    """A should_stop that lets `steps` steps pass."""
    asked = iter(range(10**6))
    return lambda: next(asked) >= steps


def trained(workdir: Path, **changes: Any):
    arguments: dict[str, Any] = {"data": digits(), "model": MODEL, "train": SPEC, "seed": 1}
    return train(**(arguments | changes), device="cpu", workdir=workdir)


@pytest.mark.parametrize("steps", [0, 3, 8, 11])
def test_a_run_stopped_in_mid_epoch_continues_to_the_same_weights(steps, tmp_path):
    whole = trained(tmp_path / "whole")
    with pytest.raises(Interrupted, match=f"after {steps % 8} steps"):
        trained(tmp_path / "stopped", should_stop=stop_after(steps))
    resumed = trained(tmp_path / "stopped")
    for name, path in whole.weights.items():
        assert resumed.weights[name].read_bytes() == path.read_bytes()
    assert (resumed.test_logits == whole.test_logits).all()


def test_seconds_are_summed_over_interruptions(tmp_path):
    with pytest.raises(Interrupted):
        trained(tmp_path, should_stop=stop_after(12))
    outcome = trained(tmp_path)
    for metric, column in (
        ("train_seconds", "seconds"),
        ("train_compute_seconds", "compute_seconds"),
    ):
        total = sum(row[column] for row in outcome.history)
        assert outcome.metrics[metric] == pytest.approx(total) and total > 0
    assert len(outcome.history) == 2


def test_a_checkpoint_without_compute_seconds_goes_on_and_its_run_claims_none(tmp_path):
    with pytest.raises(Interrupted):
        trained(tmp_path, should_stop=stop_after(12))
    path = tmp_path / "checkpoint.pt"
    with open_sealed(path) as file:
        content = torch.load(io.BytesIO(file.read()), weights_only=True)
    for name in ("epoch_compute_seconds", "train_compute_seconds"):
        del content["state"][name]
    write_sealed(path, lambda file: torch.save(content, file))
    outcome = trained(tmp_path)
    assert len(outcome.history) == 2 and "train_seconds" in outcome.metrics
    assert "train_compute_seconds" not in outcome.metrics
    assert "compute_seconds" not in outcome.history[1], "of a part of an epoch it would be wrong"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"seed": 2}, "seed"),
        ({"train": SPEC.model_copy(update={"clip_norm": 1.0})}, "train"),
        ({"model": MODEL.model_copy(update={"dropout": None})}, "model"),
        ({"data": dataclasses.replace(digits(), fingerprint="other")}, "data"),
    ],
)
def test_a_checkpoint_of_another_run_is_discarded_with_a_warning(changes, named, tmp_path, caplog):
    with pytest.raises(Interrupted):
        trained(tmp_path / "mixed", should_stop=stop_after(5))
    with caplog.at_level(logging.WARNING):
        mixed = trained(tmp_path / "mixed", **changes)
    assert f"another {named}" in caplog.text
    alone = trained(tmp_path / "alone", **changes)
    assert mixed.weights["last"].read_bytes() == alone.weights["last"].read_bytes()


def test_an_unreadable_checkpoint_is_discarded_with_a_warning(tmp_path, caplog):
    with pytest.raises(Interrupted):
        trained(tmp_path / "broken", should_stop=stop_after(5))
    file = tmp_path / "broken" / "checkpoint.pt"
    file.write_bytes(file.read_bytes()[:-100])
    broken = trained(tmp_path / "broken")
    assert "does not match its checksum" in caplog.text
    alone = trained(tmp_path / "alone")
    assert broken.weights["last"].read_bytes() == alone.weights["last"].read_bytes()


def test_the_average_follows_its_formula_with_a_ramp():
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 5.0)
    average = WeightAverage(model, 0.5)
    expected = 5.0
    for step in range(12):
        nn.init.constant_(model.weight, float(step))
        average.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
        assert average.model.weight.item() == pytest.approx(expected, rel=1e-6)


def test_running_statistics_are_averaged_and_counters_copied():
    model = nn.BatchNorm2d(1)
    average = WeightAverage(model, 0.9)
    model.running_mean.fill_(10.0)
    model.num_batches_tracked.fill_(7)
    average.update(1000)
    assert average.model.running_mean.item() == pytest.approx(1.0)
    assert average.model.num_batches_tracked.item() == 7


def test_the_average_is_evaluated_not_trained_and_the_model_is_left_alone():
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    average = WeightAverage(model, 0.9)
    average.update(0)
    assert not average.model.training
    assert model.training
    assert not any(parameter.requires_grad for parameter in average.model.parameters())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_the_average_follows_the_model_after_a_state_is_loaded():
    model = nn.Linear(1, 1, bias=False)
    average = WeightAverage(model, 0.5)
    model.load_state_dict({"weight": torch.full((1, 1), 3.0)})
    average.model.load_state_dict({"weight": torch.full((1, 1), 1.0)})
    average.update(1000)
    assert average.model.weight.item() == pytest.approx(2.0)
