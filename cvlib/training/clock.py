"""What a stretch of a run costs: wall-clock seconds, and seconds of computing.

Wall time is what somebody waited; on a shared machine it says more of the neighbours than of the
work. Compute seconds are the processor time of all threads of the process where a run computes on
the CPU, and the time between two events in the device's own queue where it has one.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Seconds:
    """wall: as a clock on the wall shows; compute: of the processor, or of the device."""

    wall: float = 0.0
    compute: float = 0.0

    def __add__(self, other: Seconds) -> Seconds:
        return Seconds(self.wall + other.wall, self.compute + other.compute)


class Clock:
    """Runs from when it is made; `device` is where the work is done: cpu, cuda, cuda:N or mps."""

    def __init__(self, device: torch.device | str) -> None:
        self._device = str(device)
        self._started, self._mark = time.perf_counter(), self._marked()

    @property
    def wall(self) -> float:
        """Wall-clock seconds since the start or the last lap; waits for nothing."""
        return time.perf_counter() - self._started

    def lap(self) -> Seconds:
        """Seconds since the start or the last lap, and start anew; waits for queued kernels."""
        mark = self._marked()
        if self._device.startswith("cpu"):
            compute = mark - self._mark
        else:
            mark.synchronize()
            compute = self._mark.elapsed_time(mark) / 1000  # from milliseconds
        seconds = Seconds(self.wall, compute)
        self._started, self._mark = time.perf_counter(), mark
        return seconds

    def _marked(self) -> Any:
        """Now: on the processor's clock, or as an event in the device's queue."""
        if self._device.startswith("cpu"):
            return time.process_time()
        import torch  # not above: who only looks after features that are kept needs none

        if self._device == "mps":
            event: Any = torch.mps.event.Event(enable_timing=True)
            event.record()
        else:
            event = torch.cuda.Event(enable_timing=True)
            event.record(torch.cuda.current_stream(self._device))
        return event
