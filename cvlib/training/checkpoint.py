"""Checkpoints: one file, whole or absent, continued only by the very run that wrote it."""

from __future__ import annotations

import logging
import pickle
import time
import zipfile
from pathlib import Path
from typing import Any

import torch

from cvlib.training import random_state
from cvlib.training.state import TrainingState

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 30.0  # longest stretch of training that a kill can cost
LARGEST_SHARE = 0.05  # of the time may go into writing: slow disks, large models

_UNREADABLE = (
    RuntimeError, EOFError, KeyError, TypeError, OSError, pickle.UnpicklingError, zipfile.BadZipFile,
)  # fmt: skip


class Checkpoint:
    """The checkpoint of one run at `path`.

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
            "random": random_state.capture(self.device),
        }
        staged = self.path.with_name(self.path.name + ".staged")
        torch.save(content, staged)
        staged.replace(self.path)
        self._saved_at = time.monotonic()
        self._interval = max(INTERVAL_SECONDS, (self._saved_at - start) / LARGEST_SHARE)

    def restore(self, state: TrainingState) -> bool:
        """Put the saved run into `state` and the random generators; False if there is none."""
        content = self._read()
        if content is None:
            return False
        state.load_plain(content["state"])
        random_state.restore(content["random"], self.device)
        return True

    def remove(self) -> None:
        """Forget the run."""
        self.path.unlink(missing_ok=True)

    def _read(self) -> dict[str, Any] | None:
        if not self.path.exists():
            return None
        try:
            content = torch.load(self.path, map_location="cpu", weights_only=True)
            theirs = content["identity"]
        except _UNREADABLE as error:
            self._discard(f"it cannot be read ({error})")
            return None
        differing = sorted(
            name
            for name in self.identity.keys() | theirs.keys()
            if self.identity.get(name) != theirs.get(name)
        )
        if differing:
            self._discard(f"it belongs to a run with another {', '.join(differing)}")
            return None
        return content

    def _discard(self, reason: str) -> None:
        logger.warning("checkpoint %s is discarded, training starts anew: %s", self.path, reason)
        self.remove()
