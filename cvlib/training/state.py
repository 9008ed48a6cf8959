"""Everything about a run that changes while it trains, in one place: what a checkpoint holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from cvlib.training.ema import WeightAverage


@dataclass
class TrainingState:
    """Position, weights, optimiser and bookkeeping of one run."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    average: WeightAverage | None
    loss_sum: Tensor  # of this epoch, on the device: read once an epoch
    correct: Tensor
    epoch: int = 0  # complete epochs
    step: int = 0  # complete steps of this epoch
    seen: int = 0  # images of this epoch
    epoch_seconds: float = 0.0  # of training only, this epoch
    train_seconds: float = 0.0  # of training only, the epochs before
    images: int = 0  # trained on in the epochs before
    history: list[dict[str, float | int]] = field(default_factory=list)
    best: dict[str, Tensor] | None = None  # weights with the best validation accuracy
    best_epoch: int = 0

    @property
    def evaluated(self) -> nn.Module:
        """The model that is evaluated and kept: the average of weights where there is one."""
        return self.model if self.average is None else self.average.model

    def start_epoch(self) -> None:
        """Zero what is counted over one epoch."""
        self.loss_sum.zero_()
        self.correct.zero_()
        self.step = self.seen = 0
        self.epoch_seconds = 0.0

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
        for name in _PLAIN:
            setattr(self, name, plain[name])


_PLAIN = (
    "epoch", "step", "seen", "epoch_seconds", "train_seconds", "images", "history", "best",
    "best_epoch",
)  # fmt: skip


def new_state(
    model: nn.Module, optimizer: torch.optim.Optimizer, ema_decay: float | None
) -> TrainingState:
    """The state before the first step; `model` is where it will be trained."""
    device = next(model.parameters()).device
    return TrainingState(
        model=model,
        optimizer=optimizer,
        average=None if ema_decay is None else WeightAverage(model, ema_decay),
        # float64 so that sums of many batches keep their digits; MPS has none
        loss_sum=torch.zeros(
            (), device=device, dtype=torch.float32 if device.type == "mps" else torch.float64
        ),
        correct=torch.zeros((), device=device, dtype=torch.int64),
    )
