"""One epoch of training: the loop that everything else serves."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from cvlib.data.loader import ResidentLoader
from cvlib.training.checkpoint import Checkpoint, TrainingState
from cvlib.training.clock import Clock
from cvlib.training.device import Compute
from cvlib.training.optimizers import factor, set_learning_rate, train_mode
from cvlib.training.outcome import Interrupted, Monitor, Progress, RunFailed
from cvlib.training.spec import TrainSpec


def train_epoch(
    state: TrainingState,
    loader: ResidentLoader,
    spec: TrainSpec,
    compute: Compute,
    checkpoint: Checkpoint,
    monitor: Monitor,
) -> float:
    """Train from `state.step` to the end of epoch `state.epoch`; the last step's learning rate.

    Sums stay on the device: nothing in a step waits for a GPU. Raises Interrupted (after saving)
    when the caller wants to stop, RunFailed for a loss that is no number.
    """
    model, optimizer, steps = state.model, state.optimizer, len(loader)
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    finite = FiniteLoss(compute.device)
    smoothing = spec.label_smoothing or 0.0
    lr = 0.0
    train_mode(model, spec.batch_norm)
    clock = Clock(compute.device)

    def stop_clock() -> None:
        """Add to the epoch's seconds what passed; what was queued is waited for."""
        finite.finish()
        spent = clock.lap()
        state.epoch_seconds += spent.wall
        state.epoch_compute_seconds += spent.compute

    def save() -> None:
        """Save with the clock stopped: writing is not training."""
        stop_clock()
        checkpoint.save(state)
        clock.lap()

    for images, labels in loader.epoch(state.epoch, start_step=state.step):
        if monitor.should_stop():
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
        rate = state.seen / (state.epoch_seconds + clock.wall)
        monitor.report(Progress(state.epoch + 1, spec.epochs, state.step, steps, rate, "train"))
    stop_clock()
    return lr


class FiniteLoss:
    """Raises RunFailed within one step of a loss that is NaN or infinite.

    On a CPU the loss is read at once, before its gradient is used. On CUDA reading it would drain
    the queue at each step; instead it is copied to pinned memory behind the step's kernels and
    looked at during the next step, when the copy is most likely done and one step is still queued.
    """

    def __init__(self, device: torch.device) -> None:
        self._asynchronous = device.type == "cuda"
        self._pending: tuple[Tensor, torch.cuda.Event, str] | None = None

    def check(self, loss: Tensor, where: str) -> None:
        """Check this step's loss (on CUDA: the last step's). loss: scalar; where: for the message."""
        if not self._asynchronous:
            _require_finite(loss.item(), where)
            return
        copy = torch.empty((), dtype=loss.dtype, pin_memory=True)
        copy.copy_(loss.detach(), non_blocking=True)
        event = torch.cuda.Event()
        event.record()
        previous, self._pending = self._pending, (copy, event, where)
        if previous is not None:
            self._read(previous)

    def finish(self) -> None:
        """Check what is still under way; call it at the end of an epoch and before saving."""
        if self._pending is not None:
            pending, self._pending = self._pending, None
            self._read(pending)

    def _read(self, pending: tuple[Tensor, torch.cuda.Event, str]) -> None:
        copy, event, where = pending
        event.synchronize()
        _require_finite(copy.item(), where)


def _require_finite(loss: float, where: str) -> None:
    if not math.isfinite(loss):
        raise RunFailed(
            f"training loss is {loss} at {where}; a lower lr, a warm-up or clip_norm may help"
        )
