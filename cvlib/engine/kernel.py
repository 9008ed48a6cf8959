"""One Jupyter kernel for one chapter: started quickly, listened to, never left behind.

This talks to the kernel through jupyter_client. nbclient, which stands on it, takes two seconds to
import (nbformat and its schemas) and sends an interrupt to its own loop, not to the kernel.
"""

from __future__ import annotations

import json
import os
import queue
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cvlib.engine.cell_outputs import Output, Outputs
from cvlib.engine.errors import CellFailed, GivenUp
from cvlib.signals import signal_group

# How long a chapter has, once interrupted, to write its checkpoint and stop.
STOP_SECONDS = 60.0
_EXIT_SECONDS = 5.0
_ASK_SECONDS = 0.3
_MAX_SOCKET_PATH = 90

# Exit handlers run last in, first out: those of the chapter, then this one. ipykernel's own, which
# came first, is left out: about one time in ten its threads wait for each other for ever. And some
# requests to shut down are never acted on, so that a kernel is asked to run the handlers itself.
_LEAVE_AT_ONCE = "__import__('atexit').register(__import__('os')._exit, 0)"
_EXIT = "__import__('atexit')._run_exitfuncs()"


class Kernel:
    """An ipykernel of this Python, run in `folder`. Use it as a context manager.

    `on_stderr` gets what cells write to stderr, as they write it. `env` is added to the environment.
    `give_up` is for cells whose work may be lost at any moment: it is asked a few times a second,
    and where it says so, or at Ctrl-C, the kernel is ended at once.
    """

    def __init__(
        self,
        folder: Path,
        env: Mapping[str, str],
        matplotlibrc: str,
        on_stderr: Callable[[str], None] | None = None,
        give_up: Callable[[], bool] | None = None,
    ) -> None:
        self._folder = folder
        self._env = env
        self._matplotlibrc = matplotlibrc
        self._on_stderr = on_stderr
        self._give_up = give_up

    def __enter__(self) -> Kernel:
        self._scratch = Path(tempfile.mkdtemp(prefix="cvlib-"))
        rc_file = self._scratch / "matplotlibrc"
        rc_file.write_text(self._matplotlibrc, encoding="utf-8")
        self._log = self._scratch / "log"
        connection = self._scratch / "kernel.json"
        connection.write_text(json.dumps(self._connection()), encoding="utf-8")
        environment = {
            **os.environ,
            **self._env,
            "MATPLOTLIBRC": str(rc_file),
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "PYTHONHASHSEED": "0",
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
            # the kernel ends when this process is gone
            "JPY_PARENT_PID": str(os.getpid()),
        }
        # Not through a kernelspec: a `python3` of the user may be another Python.
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", str(connection)]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "--HistoryManager.enabled=False"],
                cwd=self._folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            # Imported while the kernel starts.
            from jupyter_client.blocking.client import BlockingKernelClient

            self._client = BlockingKernelClient(connection_file=str(connection))
            self._client.load_connection_file()
            self._client.start_channels(stdin=False, hb=False)
            self._wait_until_heard()
            self.run(_LEAVE_AT_ONCE, silent=True)
        except BaseException:
            self._kill_group()
            shutil.rmtree(self._scratch, ignore_errors=True)
            raise
        return self

    def _connection(self) -> dict[str, Any]:
        """Say where the kernel listens: sockets in a private folder, so that no port is open."""
        names = ("shell", "iopub", "stdin", "control", "hb")
        if os.name == "posix" and len(str(self._scratch)) < _MAX_SOCKET_PATH:
            address = {"transport": "ipc", "ip": str(self._scratch / "s")}
            ports = list(range(1, len(names) + 1))
        else:  # a long TMPDIR does not fit into the address of a socket
            address, ports = {"transport": "tcp", "ip": "127.0.0.1"}, _free_ports(len(names))
        return {
            **address,
            **{f"{name}_port": port for name, port in zip(names, ports, strict=True)},
            "key": secrets.token_hex(16),
            "signature_scheme": "hmac-sha256",
            "kernel_name": "python3",
        }

    def __exit__(self, *_: object) -> None:
        try:
            self._client.execute(_EXIT, silent=True, store_history=False, stop_on_error=False)
            if not self._wait_for_exit(_EXIT_SECONDS / 2):
                self._client.shutdown()
                self._wait_for_exit(_EXIT_SECONDS / 2)
        finally:
            self._client.stop_channels()
            self._kill_group()
            shutil.rmtree(self._scratch, ignore_errors=True)

    def run(self, code: str, *, silent: bool = False) -> list[Output]:
        """Run `code` and return its outputs as a notebook holds them (streams as one text).

        An exception in the cell is an output of type `error`. Ctrl-C interrupts the cell, waits
        until it has stopped, and raises KeyboardInterrupt. Raises CellFailed if the kernel dies, and
        GivenUp if `give_up` said so.
        """
        outputs, _ = self._request(code, {}, silent=silent)
        return outputs

    def evaluate(self, expressions: list[str]) -> list[dict[str, Any]]:
        """Evaluate each expression; a result has `status` ok with `data` by MIME type, or error."""
        asked = {str(position): text for position, text in enumerate(expressions)}
        _, reply = self._request("", asked)
        results = reply.get("user_expressions", {})
        return [results[key] for key in asked]

    def _wait_until_heard(self) -> None:
        """Wait until the kernel answers and its outputs arrive: a subscription takes a moment."""
        while True:
            message = self._client.kernel_info()
            self._reply(message)
            try:
                while True:
                    received = self._client.get_iopub_msg(timeout=0.5)
                    if received["parent_header"].get("msg_id") == message:
                        return
            except queue.Empty:
                self._check_alive()

    def _request(
        self, code: str, expressions: Mapping[str, str], *, silent: bool = False
    ) -> tuple[list[Output], dict[str, Any]]:
        message = self._client.execute(
            code,
            silent=silent,
            store_history=not silent,
            user_expressions=dict(expressions),
            allow_stdin=False,
            # else the request after one that failed is thrown away
            stop_on_error=False,
        )
        outputs = Outputs(self._on_stderr)
        try:
            self._listen(message, outputs)
        except GivenUp:
            self._kill_group()
            raise
        except KeyboardInterrupt:
            if self._give_up is None:
                self._interrupt(message)
            else:
                self._kill_group()
            raise
        return outputs.collected, self._reply(message)

    def _listen(self, message: str, outputs: Outputs) -> None:
        """Take messages until the kernel is idle again."""
        asked = time.monotonic()
        while True:
            if self._give_up is not None and time.monotonic() - asked > _ASK_SECONDS:
                if self._give_up():
                    raise GivenUp("the cells were stopped")
                asked = time.monotonic()
            try:
                received = self._client.get_iopub_msg(timeout=0.5)
            except queue.Empty:
                self._check_alive()
                continue
            if received["parent_header"].get("msg_id") != message:
                continue
            if received["content"].get("execution_state") == "idle":
                return
            outputs.take(received["msg_type"], received["content"])

    def _reply(self, message: str) -> dict[str, Any]:
        while True:
            try:
                received = self._client.get_shell_msg(timeout=0.5)
            except queue.Empty:
                self._check_alive()
                continue
            if received["parent_header"].get("msg_id") == message:
                return received["content"]

    def _check_alive(self) -> None:
        if self._process.poll() is None:
            return
        last = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-12:]
        raise CellFailed(
            f"the kernel ended with exit status {self._process.returncode}"
            + (":\n" + "\n".join(last) if last else " and said nothing (out of memory?)")
        )

    def _interrupt(self, message: str) -> None:
        """Send SIGINT to the kernel and its children; wait until the cell has stopped."""
        signal_group(self._process, signal.SIGINT)
        until = time.monotonic() + STOP_SECONDS
        outputs = Outputs(self._on_stderr)
        try:
            while time.monotonic() < until:
                try:
                    received = self._client.get_iopub_msg(timeout=0.2)
                except queue.Empty:
                    self._check_alive()
                    continue
                if received["parent_header"].get("msg_id") != message:
                    continue
                if received["content"].get("execution_state") == "idle":
                    return
                outputs.take(received["msg_type"], received["content"])
        except (KeyboardInterrupt, CellFailed):
            pass
        self._kill_group()

    def _wait_for_exit(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while self._process.poll() is None and time.monotonic() < until:
            time.sleep(0.005)
        return self._process.poll() is not None

    def _kill_group(self) -> None:
        """End the kernel and whatever its cells started and left running."""
        signal_group(self._process, signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
        self._wait_for_exit(5.0)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [listening.getsockname()[1] for listening in sockets]
    for listening in sockets:
        listening.close()
    return ports
