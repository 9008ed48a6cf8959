"""`cvlib preview` as a process, as a person starts it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

# a test that was started in the background hands down an ignored SIGINT
_MAIN = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from cvlib.cli import main; main()"
)
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/")


class Command:
    """A preview of the project in `root`. log: what it said."""

    def __init__(self, root: Path, *arguments: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.log = root / "preview.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _MAIN, "preview", "--no-browser", "--port", str(port), *arguments],
                cwd=root,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )  # fmt: skip
        self.url = f"http://127.0.0.1:{port}/"

    def wait_for(self, text: str, seconds: float = 60) -> None:
        """Wait until it has said `text`."""
        wait_until(lambda: text in self.log.read_text(), seconds, lambda: self.log.read_text())

    def end(self, number: int = signal.SIGTERM, seconds: float = 20) -> int:
        """Send a signal; returns the exit code once it has ended."""
        self.process.send_signal(number)
        return self.process.wait(seconds)


@contextlib.contextmanager
def previewed(root: Path, *arguments: str) -> Iterator[Command]:
    """A preview that is ended afterwards."""
    command = Command(root, *arguments)
    try:
        command.wait_for(command.url)
        yield command
    finally:
        if command.process.poll() is None:
            command.process.kill()
            command.process.wait()


def wait_until(
    is_so: Callable[[], object], seconds: float = 60, said: Callable[[], str] = lambda: ""
) -> None:
    """Wait until something is so; fails the test when it does not come about."""
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, said()
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    """Whether a process lives."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
