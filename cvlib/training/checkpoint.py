"""All of a run that changes while it trains, and its checkpoint: one file, whole or absent.

Weights are kept as safetensors files: tensors and nothing that could run.
"""

from __future__ import annotations

import copy
import io
import logging
import math
import pickle
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import InitVar, dataclass, field
from pathlib import Path
from typing import IO, Any

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from cvlib.files import DamagedFile, open_sealed, replace_file, write_sealed
from cvlib.training.device import capture_random_state, restore_random_state

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 30.0  # longest stretch of training that a kill can cost
LARGEST_SHARE = 0.05  # of the time may go into writing: slow disks, large models

_UNREADABLE = (
    RuntimeError, EOFError, KeyError, TypeError, OSError, pickle.UnpicklingError, zipfile.BadZipFile,
)  # fmt: skip


@dataclass
class TrainingState:
    """Position, weights, optimiser and bookkeeping of one run; `model` is where it is trained."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    ema_decay: InitVar[float | None]
    average: WeightAverage | None = field(init=False)
    loss_sum: Tensor = field(init=False)  # of this epoch, on the device: read once an epoch
    correct: Tensor = field(init=False)
    epoch: int = 0  # complete epochs
    step: int = 0  # complete steps of this epoch
    seen: int = 0  # images of this epoch
    epoch_seconds: float = 0.0  # of training only, this epoch; wall time
    epoch_compute_seconds: float = 0.0  # the same, see Clock; NaN where they are not known
    train_seconds: float = 0.0  # of training only, the epochs before
    train_compute_seconds: float = 0.0
    images: int = 0  # trained on in the epochs before
    history: list[dict[str, float | int]] = field(default_factory=list)
    best: dict[str, Tensor] | None = None  # weights with the best validation accuracy
    best_epoch: int = 0

    def __post_init__(self, ema_decay: float | None) -> None:
        self.average = None if ema_decay is None else WeightAverage(self.model, ema_decay)
        device = next(self.model.parameters()).device
        # float64 so that sums of many batches keep their digits; MPS has none
        kind = torch.float32 if device.type == "mps" else torch.float64
        self.loss_sum = torch.zeros((), device=device, dtype=kind)
        self.correct = torch.zeros((), device=device, dtype=torch.int64)

    @property
    def evaluated(self) -> nn.Module:
        """The model that is evaluated and kept: the average of weights where there is one."""
        return self.model if self.average is None else self.average.model

    def to_plain(self) -> dict[str, Any]:
        """Tensors, numbers and containers of them."""
        plain: dict[str, Any] = {name: getattr(self, name) for name in _PLAIN}
        plain["model"] = self.model.state_dict()
        plain["optimizer"] = self.optimizer.state_dict()
        plain["average"] = None if self.average is None else self.average.model.state_dict()
        plain["loss_sum"], plain["correct"] = self.loss_sum, self.correct
        return plain

    def load_plain(self, plain: dict[str, Any]) -> None:
        """Continue from what `to_plain` gave, in a state made from the same spec."""
        self.model.load_state_dict(plain["model"])
        self.optimizer.load_state_dict(plain["optimizer"])
        if self.average is not None:
            self.average.model.load_state_dict(plain["average"])
        self.loss_sum.copy_(plain["loss_sum"])
        self.correct.copy_(plain["correct"])
        # an earlier cvlib kept no compute seconds: what is not known makes the sum unknown
        known = {"epoch_compute_seconds": math.nan, "train_compute_seconds": math.nan, **plain}
        for name in _PLAIN:
            setattr(self, name, known[name])


_PLAIN = (
    "epoch", "step", "seen", "epoch_seconds", "epoch_compute_seconds", "train_seconds",
    "train_compute_seconds", "images", "history", "best", "best_epoch",
)  # fmt: skip


class WeightAverage:
    """Holds a copy of `model` that trails it: average = decay * average + (1 - decay) * weights.

    Running statistics of batch norm are averaged with the same decay, as in timm's ModelEma: the
    averaged weights see about the average of the statistics; the newest belong to other weights.
    Integer buffers are copied.

    The first steps use the decay (1 + step) / (10 + step) while that is smaller, so that a short
    run is not evaluated on its random start (as tf.train.ExponentialMovingAverage, num_updates).
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        mine, theirs = _tensors(self.model), _tensors(model)
        pairs = [(mine[name], theirs[name]) for name in mine]
        self._averaged = [pair for pair in pairs if pair[0].is_floating_point()]
        self._copied = [pair for pair in pairs if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after training step `step` (from 0, counted over all epochs)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(
            [mine for mine, _ in self._averaged], [model for _, model in self._averaged], 1 - decay
        )
        for mine, model in self._copied:
            mine.copy_(model)


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    """Every parameter and buffer itself: they stay the same objects, whatever is loaded into them."""
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


class Checkpoint:
    """The checkpoint of one run at `path`, continued only by the very run that wrote it.

    identity: what must be equal for the bits to come out equal (specs, seed, data, device, ...). A
    file of another identity, or one that cannot be read, is removed with a warning and the run
    starts anew: two half-runs are never joined.
    """

    def __init__(self, path: Path, identity: dict[str, Any], device: torch.device) -> None:
        self.path = path
        self.identity = identity
        self.device = device
        self._saved_at = time.monotonic()
        self._interval = INTERVAL_SECONDS

    def due(self) -> bool:
        """Whether the interval has passed since the last write."""
        return time.monotonic() - self._saved_at >= self._interval

    def save(self, state: TrainingState) -> None:
        """Write beside and rename: killed at any moment, the old file or the new one is there."""
        start = time.monotonic()
        content = {
            "identity": self.identity,
            "state": state.to_plain(),
            "random": capture_random_state(self.device),
        }
        write_sealed(self.path, lambda file: torch.save(content, file))
        self._saved_at = time.monotonic()
        self._interval = max(INTERVAL_SECONDS, (self._saved_at - start) / LARGEST_SHARE)

    def restore(self, state: TrainingState) -> None:
        """Put the saved run into `state` and the random generators, if there is one."""
        if not self.path.exists():
            return
        reason = ""
        try:
            with _opened(self.path) as file:
                content = torch.load(file, map_location="cpu", weights_only=True)
            mine, theirs = self.identity, content["identity"]
            names = mine.keys() | theirs.keys()
            differing = sorted(name for name in names if mine.get(name) != theirs.get(name))
            if differing:
                reason = f"it belongs to a run with another {', '.join(differing)}"
        except DamagedFile as damage:
            reason = str(damage)
        except _UNREADABLE as error:
            reason = f"it cannot be read ({error})"
        if reason:
            logger.warning(
                "checkpoint %s is discarded, training starts anew: %s", self.path, reason
            )
            self.path.unlink()
            return
        state.load_plain(content["state"])
        restore_random_state(content["random"], self.device)


def snapshot(model: nn.Module) -> dict[str, Tensor]:
    """A copy of every weight and buffer, on the CPU, that further training does not touch."""
    return {
        name: value.detach().to("cpu", copy=True).contiguous()
        for name, value in model.state_dict().items()
    }


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as file:
        if file.read(2) == b"PK":  # as cvlib 0.1.0 wrote it: a zip file without a checksum of ours
            file.seek(0)
            yield file
            return
    with open_sealed(path) as file:
        yield io.BytesIO(file.read())  # torch wants a file that begins with its archive


def save_weights(path: Path, weights: dict[str, Tensor]) -> None:
    """Replace the file in one step: it is whole or absent."""
    replace_file(path, save(weights))


def load_weights(path: Path, model: nn.Module) -> None:
    """Put a file's weights into `model`; every name and shape must fit (RuntimeError)."""
    model.load_state_dict(load_file(path), strict=True)
