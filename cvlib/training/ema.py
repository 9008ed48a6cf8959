"""An exponential moving average of a model's weights, the one that is evaluated."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


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
