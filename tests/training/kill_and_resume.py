"""Train in child processes that SIGKILL themselves, resume, print what came out as JSON.

    python kill_and_resume.py SCENARIOS.json

A scenario: {"specs": name in SPECS, "every_step": whether each step is saved, "kills": [...]}; each
kill is a step ("17": before the 18th step that this process does), a phase ("validate", "test") or
"saving 3" (while the third checkpoint is half written). Children are forked from this process,
which has imported everything and computed nothing, so that a case costs a fraction of a second.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any, BinaryIO

import torch
import torch._dynamo  # imported by the first optimiser step: once here instead of in each child

from cvlib.data.spec import AugmentSpec
from cvlib.models.spec import CustomCNNSpec
from cvlib.training import checkpoint
from cvlib.training import outcome as reports
from cvlib.training.run import train
from cvlib.training.spec import (
    AdamWSpec,
    CosineSpec,
    OneCycleSpec,
    SGDSpec,
    TrainSpec,
)

sys.path.insert(0, str(Path(__file__).parent))
from made_data import digits

SPECS = {
    "everything on": (
        CustomCNNSpec(depth=2, width=4, dropout=0.3),
        TrainSpec(
            epochs=3,
            batch_size=16,
            optimizer=AdamWSpec(lr=0.01),
            schedule=OneCycleSpec(),
            label_smoothing=0.1,
            clip_norm=1.0,
            ema_decay=0.9,
            augment=AugmentSpec(crop_padding=1, flip=True, cutout=2),
        ),
    ),
    "plain": (
        CustomCNNSpec(depth=2, width=4, norm="group", residual=True, dropout=0.2),
        TrainSpec(
            epochs=3,
            batch_size=32,
            optimizer=SGDSpec(lr=0.05),
            schedule=CosineSpec(warmup_epochs=0.5),
        ),
    ),
}


def kill_self() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def run(scenario: dict[str, Any], workdir: Path, kill: str | None, result: Path) -> None:
    """In a child: train, die where told, or write down the outcome."""
    model, spec = SPECS[scenario["specs"]]
    checkpoint.INTERVAL_SECONDS = 0.0 if scenario["every_step"] else 1e9
    checkpoint.LARGEST_SHARE = 1e9
    reports.INTERVAL_SECONDS = 0.0
    steps = saves = 0
    write = torch.save

    def on_step() -> bool:
        nonlocal steps
        if kill == str(steps):
            kill_self()
        steps += 1
        return False

    def save(content: Any, file: BinaryIO) -> None:
        nonlocal saves
        saves += 1
        write(content, file)
        if kill == f"saving {saves}":
            file.truncate(file.tell() // 2)
            kill_self()

    torch.save = save
    outcome = train(
        digits(train=200, val=40, test=40),
        model,
        spec,
        seed=3,
        device="cpu",
        workdir=workdir,
        on_progress=lambda progress: kill_self() if progress.phase == kill else None,
        should_stop=on_step,
    )
    clock = {
        "seconds", "compute_seconds", "images_per_second", "train_seconds",
        "train_compute_seconds",
    }  # fmt: skip
    comparable = {
        "weights": {
            name: hashlib.sha256(path.read_bytes()).hexdigest()
            for name, path in outcome.weights.items()
        },
        "logits": hashlib.sha256(outcome.test_logits.tobytes()).hexdigest(),
        "history": [
            {name: value for name, value in row.items() if name not in clock}
            for row in outcome.history
        ],
        "metrics": {name: value for name, value in outcome.metrics.items() if name not in clock},
    }
    result.write_text(json.dumps({"outcome": comparable, "steps": steps}))


def in_child(*arguments: Any) -> int:
    """Run in a forked child; its exit status, or minus the signal that killed it."""
    child = os.fork()
    if child == 0:
        try:
            run(*arguments)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> None:
    torch.set_num_threads(1)
    answers = []
    for scenario in json.loads(Path(sys.argv[1]).read_text()):
        with tempfile.TemporaryDirectory() as folder:
            result = Path(folder) / "result.json"
            workdir = Path(folder) / "run"
            exits = [in_child(scenario, workdir, kill, result) for kill in scenario["kills"]]
            exits.append(in_child(scenario, workdir, None, result))
            answers.append({"exits": exits, **json.loads(result.read_text())})
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
