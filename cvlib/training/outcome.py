"""What a run tells its caller: progress on the way, an outcome, or why there is none."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from cvlib.errors import CvlibError

if TYPE_CHECKING:
    from cvlib.training.clock import Seconds

INTERVAL_SECONDS = 0.25  # of two progress reports of a training, at least

Phase = Literal["train", "validate", "test", "extract", "solve"]


@dataclass(frozen=True)
class Progress:
    """Where a run is. Epochs count from 1, steps are those done in this epoch."""

    epoch: int
    epochs: int
    step: int
    steps: int
    images_per_second: float
    phase: Phase


@dataclass(frozen=True)
class Outcome:
    """A finished run. Losses are mean cross-entropies in nats, accuracies shares in 0..1."""

    metrics: dict[str, float | int]
    history: list[dict[str, float | int]]
    test_logits: np.ndarray  # (N, C) float32, of the weights that were best on validation
    test_labels: np.ndarray  # (N,) int64
    test_ids: np.ndarray  # (N,) int64, positions in the source's test split
    weights: dict[str, Path]  # "best" and "last", safetensors; none for a probe
    environment: dict[str, Any]  # device, precision, threads, ...
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # more rows, by name
    test_features: np.ndarray | None = None  # (N, D) float32, where they were asked for


@dataclass(frozen=True)
class Head:
    """A linear classifier to start from. weight: (C, D), bias: (C,), float32."""

    weight: np.ndarray
    bias: np.ndarray
    seconds: Seconds  # that it took to fit, its features included


class Interrupted(Exception):
    """Stopped on request with a checkpoint in place: the same call again continues."""


class RunFailed(CvlibError):
    """The run can have no result; `reason` says why in one line."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Monitor:
    """A run's line to its caller: where it is, and whether it is to stop."""

    def __init__(
        self,
        on_progress: Callable[[Progress], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> None:
        self._on_progress = on_progress or (lambda progress: None)
        self.should_stop = should_stop or (lambda: False)
        self._next = 0.0

    def report(self, progress: Progress) -> None:
        """Pass on where a training is; a report within 0.25 s of the last is left out."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + INTERVAL_SECONDS
            self._on_progress(progress)

    def of_images(self, phase: Phase, done: int, total: int, seconds: float) -> None:
        """Pass on how many images are done, after `seconds`.

        Raises Interrupted if the run is to stop and images are left.
        """
        if done:
            self._on_progress(Progress(1, 1, done, total, done / max(1e-9, seconds), phase))
        if done < total and self.should_stop():
            raise Interrupted
