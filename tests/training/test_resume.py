"""A run that was killed or stopped anywhere ends with the same bits as one that was not."""

from __future__ import annotations

import dataclasses
import json
import logging
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from made_data import digits

from cvlib.models.spec import CustomCNNSpec
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
    assert outcome.metrics["train_seconds"] == pytest.approx(
        sum(row["seconds"] for row in outcome.history)
    )
    assert len(outcome.history) == 2


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
    assert "cannot be read" in caplog.text
    alone = trained(tmp_path / "alone")
    assert broken.weights["last"].read_bytes() == alone.weights["last"].read_bytes()
