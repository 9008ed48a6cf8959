"""Stops a run whose loss is no longer a number, without making a GPU wait for the check."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from cvlib.training.outcome import RunFailed


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
            self._require(loss.item(), where)
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
        self._require(copy.item(), where)

    @staticmethod
    def _require(loss: float, where: str) -> None:
        if not math.isfinite(loss):
            raise RunFailed(
                f"training loss is {loss} at {where}; a lower lr, a warm-up or clip_norm may help"
            )
