"""Every random generator that a run may draw from: seeded, saved, restored, given back."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch


@contextlib.contextmanager
def owned_random_state(seed: int, device: torch.device) -> Iterator[None]:
    """Seed python, numpy and torch (CPU and `device`) here; the caller's state returns after."""
    before = capture(device)
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)  # CUDA's and MPS's generators too
    try:
        yield
    finally:
        restore(before, device)


def capture(device: torch.device) -> dict[str, Any]:
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


def restore(state: dict[str, Any], device: torch.device) -> None:
    """Continue from a state that `capture` gave, on the same kind of device."""
    random.setstate(state["python"])
    name, words, position, has_gauss, gauss = state["numpy"]
    np.random.set_state((name, words.numpy().astype(np.uint32), position, has_gauss, gauss))
    torch.set_rng_state(state["torch"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"], device)
    elif device.type == "mps":
        torch.mps.set_rng_state(state["mps"])
