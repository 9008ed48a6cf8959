"""The FiftyOne App on 127.0.0.1, until Ctrl-C, SIGTERM or the closing of the terminal.

FiftyOne's server is started by hand, not by `fiftyone.launch_app`: under `keeper.py` it ends with
the command that started it, however that ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cvlib.dashboard import DashboardError
from cvlib.processes import ADDRESS, asked_to_end, check_port, fetch

START_SECONDS = 120.0
PATIENCE = 3.0  # seconds; the server keeps nothing that could be lost


class Stopped(BaseException):
    """A signal asked this process to end."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextlib.contextmanager
def stopping_in_order() -> Iterator[None]:
    """Within it SIGTERM and SIGHUP raise Stopped, as Ctrl-C raises KeyboardInterrupt.

    A signal that is ignored stays so: `nohup` does that.
    """

    def stop(number: int, _frame: object) -> None:
        raise Stopped(number)

    with asked_to_end(stop):
        yield


def _is_fiftyone(port: int) -> bool:
    """Whether a FiftyOne server answers on this port."""
    found = fetch(port, "/fiftyone")
    try:
        return found is not None and "version" in json.loads(found[1])
    except (ValueError, TypeError):
        return False


class Server:
    """FiftyOne's server process. Needs `environment.prepare`; as a context it ends with it."""

    def __init__(self, port: int) -> None:
        import fiftyone  # its database is brought up to date before a second process opens it

        from cvlib.dashboard import keeper

        check_port(port, _is_fiftyone, "dashboard")
        self.port = port
        self.log = Path(os.environ["FIFTYONE_DATABASE_DIR"]) / f"server-{port}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        main = Path(fiftyone.__file__).parent / "server" / "main.py"
        with self.log.open("wb") as log:
            self._keeper = subprocess.Popen(
                [
                    *(sys.executable, keeper.__file__, "--patience", str(PATIENCE), "--"),
                    *(sys.executable, str(main), "--port", str(port), "--address", ADDRESS),
                ],
                cwd=main.parent,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us; we end it
            )

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the server; returns when it has ended."""
        assert self._keeper.stdin
        self._keeper.stdin.close()
        self._keeper.wait()

    def wait_until_ready(self) -> None:
        """Return when the App can be opened. Raises DashboardError if it does not come up."""
        deadline = time.monotonic() + START_SECONDS
        while not _is_fiftyone(self.port):
            self.check()
            if time.monotonic() > deadline:
                raise DashboardError(
                    f"FiftyOne's server did not answer on port {self.port} within "
                    f"{START_SECONDS:.0f} s; its log: {self.log}"
                )
            time.sleep(0.1)
        self.check()

    def check(self) -> None:
        """Raise DashboardError if the server has ended by itself."""
        if (code := self._keeper.poll()) is not None:
            last = "\n".join(self.log.read_text(errors="replace").strip().splitlines()[-5:])
            raise DashboardError(
                f"FiftyOne's server ended with code {code}; the last lines of {self.log}:\n{last}"
            )

    def address(self, dataset: str, view: str | None = None) -> str:
        """URL of a dataset in the App; view: slug of a saved view, `every-model-wrong`."""
        page = f"http://{ADDRESS}:{self.port}/datasets/{quote(dataset, safe='')}"
        return f"{page}?view={quote(view, safe='')}" if view else page


def serve(dataset: Any, *, port: int, open_browser: bool, server: Server | None = None) -> None:
    """Show a FiftyOne dataset in the App; blocks until Ctrl-C, SIGTERM or SIGHUP.

    server: one that is starting already, on the same port; it is ended here, too. Raises
    DashboardError when the port is in use, or the server ends by itself.
    """
    with server or Server(port) as running:
        running.wait_until_ready()
        page = running.address(dataset.name)
        print(f"dashboard: {page}\nCtrl-C ends it", flush=True)
        if open_browser:
            webbrowser.open(page, new=2)
        with stopping_in_order(), contextlib.suppress(KeyboardInterrupt, Stopped):
            while True:
                time.sleep(0.5)
                running.check()
