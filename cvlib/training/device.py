"""Where and how a run computes: device, precision, memory, deterministic kernels, random state."""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

# malloc.h of the GNU C library
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_NEVER = 2**31 - 1  # bytes at the top of the heap before they are given back: C's largest int


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
    kind, _, index = device.partition(":")
    here = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if device == "auto":
        device = kind = next(name for name, there in here.items() if there)
    if kind not in here or (index and not (kind == "cuda" and index.isdigit())):
        raise ValueError(f"device {device!r} is unknown; use auto, cuda, cuda:N, mps or cpu")
    if not here[kind] or (index and int(index) >= torch.cuda.device_count()):
        raise ValueError(f"device {device!r} is not available on this machine; use auto")
    chosen = torch.device(device)
    if precision == "auto":
        # bfloat16 is slower than float32 on most CPUs and uneven on MPS.
        precision = "bfloat16" if chosen.type == "cuda" else "float32"
    return Compute(
        device=chosen,
        precision="bfloat16" if precision == "bfloat16" else "float32",
        # 1.6 times faster convolutions on CPUs, tensor cores on CUDA; MPS gains nothing.
        channels_last=chosen.type != "mps",
    )


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


def keep_freed_memory() -> None:
    """Tell the GNU allocator to reuse what is freed; elsewhere do nothing.

    By default it hands large blocks back to the kernel, which zeroes each page when it is touched
    in the next step: measured up to 2,900 page faults and 4 of 31 ms a step on a CPU. The process
    keeps its peak of memory until it ends. Results are not touched.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, _NEVER)


@contextlib.contextmanager
def owned_random_state(seed: int, device: torch.device) -> Iterator[None]:
    """Seed python, numpy and torch (CPU and `device`) here; the caller's state returns after."""
    before = capture_random_state(device)
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)  # CUDA's and MPS's generators too
    try:
        yield
    finally:
        restore_random_state(before, device)


def capture_random_state(device: torch.device) -> dict[str, Any]:
    """All states as tensors, numbers and tuples: what torch.load(weights_only=True) accepts."""
    name, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)
    words = torch.from_numpy(np.asarray(keys, dtype=np.int64))  # torch has few uint32 operations
    state: dict[str, Any] = {
        "python": random.getstate(),
        "numpy": (str(name), words, position, has_gauss, gauss),
        "torch": torch.get_rng_state(),
    }
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        state["mps"] = torch.mps.get_rng_state()
    return state


def restore_random_state(state: dict[str, Any], device: torch.device) -> None:
    """Continue from a state that `capture_random_state` gave, on the same kind of device."""
    random.setstate(state["python"])
    name, words, position, has_gauss, gauss = state["numpy"]
    np.random.set_state((name, words.numpy().astype(np.uint32), position, has_gauss, gauss))
    torch.set_rng_state(state["torch"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"], device)
    elif device.type == "mps":
        torch.mps.set_rng_state(state["mps"])
