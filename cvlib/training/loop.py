"""One epoch of training: the loop that everything else serves."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch.nn import functional

from cvlib.data.loader import ResidentLoader
from cvlib.training.checkpoint import Checkpoint
from cvlib.training.device import Compute
from cvlib.training.finite import FiniteLoss
from cvlib.training.layers import train_mode
from cvlib.training.optimizers import set_learning_rate
from cvlib.training.outcome import Interrupted
from cvlib.training.progress import Reporter
from cvlib.training.schedules import factor
from cvlib.training.spec import TrainSpec
from cvlib.training.state import TrainingState


def train_epoch(
    state: TrainingState,
    loader: ResidentLoader,
    spec: TrainSpec,
    compute: Compute,
    *,
    steps: int,
    checkpoint: Checkpoint,
    report: Reporter,
    should_stop: Callable[[], bool],
) -> float:
    """Train from `state.step` to the end of epoch `state.epoch`; the last step's learning rate.

    steps: of a whole epoch. Sums stay on the device: nothing in a step waits for a GPU.
    Raises Interrupted (after saving) when `should_stop()`, RunFailed for a loss that is no number.
    """
    model, optimizer = state.model, state.optimizer
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    finite = FiniteLoss(compute.device)
    smoothing = spec.label_smoothing or 0.0
    lr = 0.0
    train_mode(model, spec.batch_norm)
    seconds_before, started = state.epoch_seconds, time.perf_counter()

    def save() -> None:
        """Save with the clock stopped: writing is not training."""
        nonlocal seconds_before, started
        finite.finish()
        compute.synchronize()
        seconds_before = state.epoch_seconds = seconds_before + time.perf_counter() - started
        checkpoint.save(state)
        started = time.perf_counter()

    for images, labels in loader.epoch(state.epoch, start_step=state.step):
        if should_stop():
            save()
            raise Interrupted(f"stopped in epoch {state.epoch + 1} after {state.step} steps")
        if checkpoint.due():
            save()

        global_step = state.epoch * steps + state.step
        lr = spec.optimizer.lr * factor(
            spec.schedule, global_step, steps_per_epoch=steps, epochs=spec.epochs
        )
        set_learning_rate(optimizer, lr)

        with compute.autocast():
            logits = model(images)
        loss = functional.cross_entropy(logits.float(), labels, label_smoothing=smoothing)
        finite.check(loss, f"epoch {state.epoch + 1}, step {state.step + 1}")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if spec.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(parameters, spec.clip_norm)
        optimizer.step()
        if state.average is not None:
            state.average.update(global_step)

        with torch.no_grad():
            state.loss_sum += loss.detach() * len(labels)
            state.correct += (logits.argmax(dim=1) == labels).sum()
        state.step += 1
        state.seen += len(labels)
        report(
            "train",
            epoch=state.epoch,
            step=state.step,
            images=state.seen,
            seconds=seconds_before + time.perf_counter() - started,
        )
    finite.finish()
    compute.synchronize()
    state.epoch_seconds = seconds_before + time.perf_counter() - started
    return lr
