"""Where and how a run computes: device, precision, memory format, deterministic kernels."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch


@dataclass(frozen=True)
class Compute:
    """The choices that a run's speed and last bits depend on, besides its spec."""

    device: torch.device
    precision: Literal["float32", "bfloat16"]
    channels_last: bool

    @property
    def memory_format(self) -> torch.memory_format:
        """Of activations and convolution kernels."""
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def autocast(self) -> torch.autocast:
        """The context of a forward pass: bfloat16 where it is safe, or nothing."""
        return torch.autocast(
            self.device.type, dtype=torch.bfloat16, enabled=self.precision == "bfloat16"
        )

    def synchronize(self) -> None:
        """Wait for queued kernels, so that a clock reads true."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        elif self.device.type == "mps":
            torch.mps.synchronize()

    def environment(self) -> dict[str, str | int | bool]:
        """What to record beside a result. Runs are bit-equal only where all of this is equal."""
        if self.device.type == "cuda":
            name = torch.cuda.get_device_name(self.device)
        elif self.device.type == "mps":
            name = "Apple GPU"
        else:
            name = f"CPU, {torch.backends.cpu.get_cpu_capability()} kernels"
        return {
            "device": self.device.type,
            "device_name": name,
            "precision": self.precision,
            "channels_last": self.channels_last,
            "threads": torch.get_num_threads(),
            "torch": str(torch.__version__),
        }


def choose_compute(device: str, precision: str) -> Compute:
    """From `auto`, `cuda`, `cuda:N`, `mps` or `cpu` and a spec's precision to what will be used.

    Raises ValueError for a device that this machine has not.
    """
    chosen = torch.device(_available(device))
    if precision == "auto":
        # bfloat16 is slower than float32 on most CPUs and uneven on MPS.
        precision = "bfloat16" if chosen.type == "cuda" else "float32"
    return Compute(
        device=chosen,
        precision="bfloat16" if precision == "bfloat16" else "float32",
        # 1.6 times faster convolutions on CPUs, tensor cores on CUDA; MPS gains nothing.
        channels_last=chosen.type != "mps",
    )


def _available(device: str) -> str:
    kind, _, index = device.partition(":")
    here = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if device == "auto":
        return next(name for name, there in here.items() if there)
    if kind not in here or (index and not (kind == "cuda" and index.isdigit())):
        raise ValueError(f"device {device!r} is unknown; use auto, cuda, cuda:N, mps or cpu")
    if not here[kind] or (index and int(index) >= torch.cuda.device_count()):
        raise ValueError(f"device {device!r} is not available on this machine; use auto")
    return device


@contextlib.contextmanager
def deterministic_kernels() -> Iterator[None]:
    """The same bits for the same input within this context; the caller's settings come back."""
    # cuBLAS reads this when it starts; without it, streams may use workspaces in any order.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    cudnn = torch.backends.cudnn
    before = cudnn.deterministic, cudnn.benchmark
    cudnn.deterministic, cudnn.benchmark = True, False  # benchmark picks kernels by the clock
    try:
        yield
    finally:
        cudnn.deterministic, cudnn.benchmark = before
