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
from pathlib import Path
from urllib.parse import quote

from cvlib.dashboard import DashboardError, keeper
from cvlib.processes import ADDRESS, asked_to_end, check_port, fetch

START_SECONDS = 120.0
PATIENCE = 3.0  # seconds; the server keeps nothing that could be lost


class Stopped(BaseException):
    """A signal asked this process to end."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


def stopping_in_order() -> contextlib.AbstractContextManager[None]:
    """Within it SIGTERM and SIGHUP raise Stopped, as Ctrl-C raises KeyboardInterrupt."""

    def stop(number: int, _frame: object) -> None:
        raise Stopped(number)

    return asked_to_end(stop)


def check_free(port: int) -> None:
    """Raise PortTaken when something listens on this port of 127.0.0.1, with what it is."""
    check_port(port, _is_fiftyone, "dashboard")


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

        check_free(port)
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
        assert self._keeper.stdin
        self._keeper.stdin.close()
        self._keeper.wait()

    def serve(self, dataset: str, *, open_browser: bool) -> None:
        """Show a dataset in the App; blocks until Ctrl-C, SIGTERM or SIGHUP.

        Raises DashboardError if the server does not come up, or ends by itself.
        """
        deadline = time.monotonic() + START_SECONDS
        while not _is_fiftyone(self.port):
            self._check()
            if time.monotonic() > deadline:
                raise DashboardError(
                    f"FiftyOne's server did not answer on port {self.port} within "
                    f"{START_SECONDS:.0f} s; its log: {self.log}"
                )
            time.sleep(0.1)
        self._check()
        page = f"http://{ADDRESS}:{self.port}/datasets/{quote(dataset, safe='')}"
        print(f"dashboard: {page}\nCtrl-C ends it", flush=True)
        if open_browser:
            webbrowser.open(page, new=2)
        with contextlib.suppress(KeyboardInterrupt, Stopped):
            while True:
                time.sleep(0.5)
                self._check()

    def _check(self) -> None:
        """Raise DashboardError if the server has ended by itself."""
        if (code := self._keeper.poll()) is not None:
            last = "\n".join(self.log.read_text(errors="replace").strip().splitlines()[-5:])
            raise DashboardError(
                f"FiftyOne's server ended with code {code}; the last lines of {self.log}:\n{last}"
            )
