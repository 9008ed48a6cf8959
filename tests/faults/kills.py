"""SIGKILL at random steps of a training; the run that goes on must give the same bits."""

from __future__ import annotations

import os
import random
import shutil
import signal
from functools import partial
from pathlib import Path

from cvlib.training import checkpoint
from tests.faults.forked import forked
from tests.faults.made import bits, execute, make_project, tasks_of, warm_up
from tests.faults.tally import Tally

KINDS = ("cnn", "vit", "fine-tune", "probe-then-fine-tune")


def kills(folder: Path, count: int, seed: int = 0) -> Tally:
    """Kill `count` trainings, over all kinds, and let each go on."""
    tally = Tally(
        "SIGKILL at random steps (CNN, ViT, fine-tuning, probe then fine-tuning)", "bit-equal"
    )
    checkpoint.INTERVAL_SECONDS = 0.0
    checkpoint.LARGEST_SHARE = 1e9  # a checkpoint after each step
    warm_up()
    whole = make_project(folder / "whole")
    tasks = tasks_of(whole)
    steps, wanted = {}, {}
    for kind in KINDS:
        steps[kind] = forked(partial(_counted, whole, tasks[kind])).value
        wanted[kind] = bits(whole, tasks[kind].run.key)
    chance = random.Random(seed)
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        at = chance.randint(1, steps[kind] - 1)
        project = make_project(folder / f"killed-{number}")
        killed = forked(partial(_counted, project, tasks[kind], at))
        end = forked(partial(execute, project, tasks[kind]))
        name = f"{kind}, killed in step {at} of {steps[kind]}"
        if killed.how != "killed" or getattr(end.value, "how", "") != "done":
            tally.bad(f"{name}: {killed.how}, then {end.how} {end.value} {end.said[-200:]}")
        elif bits(project, tasks[kind].run.key) != wanted[kind]:
            tally.bad(f"{name}: other bits")
        else:
            tally.good()
        shutil.rmtree(project.root)
    return tally


def _counted(project, task, kill_at: int = 0) -> int:
    steps = 0

    def count(*_: object) -> None:
        nonlocal steps
        steps += 1
        if steps == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    from torch.optim.optimizer import register_optimizer_step_post_hook

    hook = register_optimizer_step_post_hook(count)
    try:
        ended = execute(project, task)
        assert ended.how == "done", ended
    finally:
        hook.remove()
        pass
    return steps
