"""`cvlib preview --train`: trains what is missing in a process of its own, as `cvlib run` does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Collection

from cvlib.project import Project
from cvlib.signals import signal_group

# A training asked to stop writes its checkpoints first.
STOP_SECONDS = 60.0


class Trainer:
    """Runs `cvlib run` for what lacks results; the same runs are tried once. Stopped with `stop`."""

    def __init__(self, layout: Project) -> None:
        self._layout = layout
        self._process: subprocess.Popen[bytes] | None = None
        self._tried: frozenset[str] = frozenset()

    @property
    def is_training(self) -> bool:
        """Whether a training that this started is under way."""
        return self._process is not None and self._process.poll() is None

    def train(self, experiments: Collection[str], runs: Collection[str]) -> None:
        """Train the experiments, unless that is done already; `runs` names what is missing now.

        What was tried and is still missing has failed, and is tried again once it changed.
        """
        if self.is_training or not set(runs) - self._tried:
            return
        self._tried |= frozenset(runs)
        command = [sys.executable, "-m", "cvlib", "run", *sorted(experiments)]
        # a session of its own: Ctrl-C is for the preview, which stops it in order
        self._process = subprocess.Popen(
            [*command, "--profile", self._layout.profile],
            cwd=self._layout.root,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            start_new_session=True,
        )

    def stop(self) -> None:
        """Ask the training to leave checkpoints and end, and wait for it; a second call kills it."""
        if self._process is None or not self.is_training:
            return
        signal_group(self._process, signal.SIGINT if os.name == "posix" else signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            signal_group(self._process, signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
            self._process.wait()
