"""Progress reports, a few a second at most."""

from __future__ import annotations

import time
from collections.abc import Callable

from cvlib.training.outcome import Phase, Progress

INTERVAL_SECONDS = 0.25


class Reporter:
    """Passes on where a run is; a report within 0.25 s of the last is left out."""

    def __init__(
        self, on_progress: Callable[[Progress], None] | None, epochs: int, steps: int
    ) -> None:
        self._on_progress = on_progress
        self._epochs = epochs
        self._steps = steps
        self._next = 0.0

    def __call__(
        self,
        phase: Phase,
        *,
        epoch: int,
        step: int,
        images: int,
        seconds: float,
    ) -> None:
        """epoch: from 0; images, seconds: trained on in this epoch and the time that took."""
        now = time.monotonic()
        if self._on_progress is None or now < self._next:
            return
        self._next = now + INTERVAL_SECONDS
        rate = images / seconds if seconds > 0 else 0.0
        self._on_progress(
            Progress(
                epoch=epoch + 1,
                epochs=self._epochs,
                step=step,
                steps=self._steps,
                images_per_second=rate,
                phase=phase,
            )
        )
