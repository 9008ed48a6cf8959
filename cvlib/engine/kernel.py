"""One Jupyter kernel for one chapter: started quickly, listened to, never left behind.

This talks to the kernel through jupyter_client, which is imported while the kernel starts. nbclient,
which stands on it, takes 0.5 s more to import, and 2 s more where jsonschema finds the grammar
`rfc3987_syntax` (Jupyter Lab brings it along); it sends an interrupt to its own loop, not to the kernel.
"""

from __future__ import annotations

import contextlib
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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cvlib.engine.errors import CellFailed, GivenUp
from cvlib.engine.messages import Output, Outputs, values_in

# How long a chapter has, once interrupted, to write its checkpoint and stop.
STOP_SECONDS = 60.0
_EXIT_SECONDS = 2.5
_ASK_SECONDS = 0.3
_LOOK_SECONDS = 0.5
# How long a kernel may give no sign of life. Its heart beats in native code, whatever a cell computes.
_SILENT_SECONDS = 4.0
# How long after the reply the end of the outputs may be on its way: some may have been lost.
_LOST_SECONDS = 5.0
# How long what a cell started has to end by itself once the kernel has.
_CHILD_SECONDS = 0.5
_MAX_SOCKET_PATH = 90

# Exit handlers run last in, first out: those of the chapter, then this one. ipykernel's own, which
# came first, is left out: about one time in ten its threads wait for each other for ever. And some
# requests to shut down are never acted on, so that a kernel is asked to run the handlers itself.
# What ipykernel cannot send, such as half a character (a lone surrogate), is sent as JSON may write it.
_PREPARE = """
import atexit, json, os
from jupyter_client.jsonutil import json_default

atexit.register(os._exit, 0)
session, pack = ipython.kernel.session, ipython.kernel.session.pack
encode = json.JSONEncoder(default=json_default).encode

def pack_whatever(message):
    try:
        return pack(message)
    except Exception:
        return encode(message).encode()

session.pack = pack_whatever
"""
_IN_KERNEL = f"exec({_PREPARE!r}, {{'ipython': get_ipython()}})\n"  # leaves no name behind
_EXIT = "__import__('atexit')._run_exitfuncs()"


@dataclass(eq=False)
class Kernel:
    """An ipykernel of this Python, run in `folder`. Use it as a context manager.

    `setup` is code that runs first, silently. `on_stderr` gets what cells write to stderr, as they
    write it. `env` is added to the environment. `give_up` is for cells whose work may be lost at any
    moment: it is asked a few times a second, and where it says so, or at Ctrl-C, the kernel is ended
    at once. Afterwards `left_running` names what cells had started and left running; it was ended.
    """

    folder: Path
    env: Mapping[str, str]
    matplotlibrc: str
    setup: str = ""
    on_stderr: Callable[[str], None] = field(default=lambda _: None)
    give_up: Callable[[], bool] | None = None
    left_running: list[str] = field(default_factory=list)

    def __enter__(self) -> Kernel:
        self._scratch = Path(tempfile.mkdtemp(prefix="cvlib-"))
        self._rc_file = self._scratch / "matplotlibrc"
        self._rc_file.write_text(self.matplotlibrc, encoding="utf-8")
        self._silent_since: float | None = None
        self._replied: Any = None  # the content of the reply to the request under way
        self._log = self._scratch / "log"
        connection = self._scratch / "kernel.json"
        connection.write_text(json.dumps(self._connection()), encoding="utf-8")
        environment = {
            **os.environ,
            **self.env,
            "MATPLOTLIBRC": str(self._rc_file),
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
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        with contextlib.ExitStack() as started:
            started.callback(self._clean_up)
            # Imported while the kernel starts.
            from jupyter_client.blocking.client import BlockingKernelClient

            self._client = BlockingKernelClient(connection_file=str(connection))
            started.callback(self._client.stop_channels)
            self._client.load_connection_file()
            self._client.start_channels(stdin=False, hb=False)
            self._wait_until_heard()
            self._client.hb_channel.start()  # from now on it must be heard
            for output in self.run(_IN_KERNEL + self.setup, silent=True):
                if output["output_type"] == "error":
                    raise CellFailed(
                        "the code that runs before the first cell failed: "
                        f"{output['ename']}: {output['evalue']}"
                    )
            self._started = started.pop_all()
        return self

    def _connection(self) -> dict[str, Any]:
        """Say where the kernel listens: sockets in a private folder, so that no port is open."""
        names = ("shell", "iopub", "stdin", "control", "hb")
        transport, ip = "ipc", str(self._scratch / "s")
        ports = list(range(1, len(names) + 1))
        if os.name != "posix" or len(ip) > _MAX_SOCKET_PATH:  # of a long TMPDIR: no address
            transport, ip = "tcp", "127.0.0.1"
            with contextlib.ExitStack() as taken:
                free = [taken.enter_context(socket.create_server((ip, 0))) for _ in names]
                ports = [listening.getsockname()[1] for listening in free]
        return {
            "transport": transport,
            "ip": ip,
            **{f"{name}_port": port for name, port in zip(names, ports, strict=True)},
            "key": secrets.token_hex(16),
            "signature_scheme": "hmac-sha256",
            "kernel_name": "python3",
        }

    def __exit__(self, *_: object) -> None:
        with self._started:
            self._client.execute(_EXIT, silent=True, store_history=False, stop_on_error=False)
            if not self._has_ended():
                self._client.shutdown()
                self._has_ended()

    def _clean_up(self) -> None:
        self._kill()
        self._end_children()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _end_children(self) -> None:
        """End what cells started and left running, in whatever session; `left_running` names it.

        It is known by its environment, which it has from the kernel, that may be gone.
        """
        import psutil

        own = str(self._rc_file)

        def found() -> list[psutil.Process]:
            those = psutil.process_iter(["environ", "name"])
            return [
                each for each in those if (each.info["environ"] or {}).get("MATPLOTLIBRC") == own
            ]

        for _ in range(5):  # one may start another meanwhile
            _, running = psutil.wait_procs(found(), _CHILD_SECONDS)
            if not running:
                break
            for child in running:
                name = f"{child.info['name']} (process {child.pid})"
                if name not in self.left_running:  # one that was killed may take its time to go
                    self.left_running.append(name)
                with contextlib.suppress(psutil.Error):
                    child.kill()
        self._signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)

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
        return values_in(reply, asked)

    def _wait_until_heard(self) -> None:
        """Wait until the kernel answers and its outputs arrive: a subscription takes a moment."""
        while True:
            message = self._client.kernel_info()
            self._replied = None
            self._reply(message, float("inf"))
            with contextlib.suppress(queue.Empty):
                while True:
                    received = self._client.get_iopub_msg(timeout=0.5)
                    if received["parent_header"].get("msg_id") == message:
                        return
            self._check_alive()

    def _request(
        self, code: str, expressions: Mapping[str, str], *, silent: bool = False
    ) -> tuple[list[Output], Any]:
        message = self._client.execute(
            code,
            silent=silent,
            store_history=not silent,
            user_expressions=dict(expressions),
            allow_stdin=False,
            # else the request after one that failed is thrown away
            stop_on_error=False,
        )
        outputs = Outputs(self.on_stderr)
        self._replied = None
        try:
            self._listen(message, outputs)
        except (GivenUp, CellFailed):
            self._kill()
            raise
        except KeyboardInterrupt:
            has_stopped = False
            if self.give_up is None:  # the cell may write its checkpoint
                self._signal(signal.SIGINT)
                with contextlib.suppress(KeyboardInterrupt, CellFailed):
                    has_stopped = self._listen(message, outputs, STOP_SECONDS)
            if not has_stopped:
                self._kill()
            raise
        return outputs.collected, self._reply(message)

    def _listen(self, message: str, outputs: Outputs, seconds: float = float("inf")) -> bool:
        """Take messages until the kernel is idle again, which is told, or the time is over."""
        started = asked = last = time.monotonic()
        while time.monotonic() - started < seconds:
            if self.give_up is not None and time.monotonic() - asked > _ASK_SECONDS:
                if self.give_up():
                    raise GivenUp("the cells were stopped")
                asked = time.monotonic()
            received = self._next(self._client.get_iopub_msg, message)
            if received is not None:
                kind, content, last = *received, time.monotonic()
                if kind == "status" and content.get("execution_state") == "idle":
                    return True
                outputs.take(kind, content)
            elif self._replied is None:
                answer = self._next(self._client.get_shell_msg, message, seconds=0)
                self._replied, last = answer and answer[1], time.monotonic()
            elif time.monotonic() - last > _LOST_SECONDS:
                raise CellFailed("the cell ended, and the end of its outputs never came: show less")
        return False

    def _reply(self, message: str, seconds: float = _LOST_SECONDS) -> Any:
        """The reply, which was sent before the kernel was idle."""
        until = time.monotonic() + seconds
        while self._replied is None:
            received = self._next(self._client.get_shell_msg, message)
            self._replied = received and received[1]
            if self._replied is None and time.monotonic() > until:
                raise CellFailed("the kernel gave no reply: a cell changed how it works")
        return self._replied

    def _next(
        self, receive: Callable[..., Any], message: str, seconds: float = _LOOK_SECONDS
    ) -> tuple[str, dict[str, Any]] | None:
        """Kind and content of a channel's next message; None: it is of another request, or none yet."""
        try:
            received = receive(timeout=seconds)
            kind, content = received["msg_type"], received["content"]
            is_ours = received["parent_header"].get("msg_id") == message
        except queue.Empty:
            self._check_alive()
            return None
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            what = f"the cell made its kernel send what is no message of Jupyter's: {error}"
            raise CellFailed(what) from None
        return (kind, content) if is_ours and isinstance(content, dict) else None

    def _check_alive(self) -> None:
        if self._process.poll() is None:
            heart = self._client.hb_channel
            if not heart.is_alive() or heart.is_beating():
                self._silent_since = None
            elif self._silent_since is None:
                self._silent_since = time.monotonic()
            elif time.monotonic() - self._silent_since > _SILENT_SECONDS:
                raise CellFailed(
                    f"the kernel gave no sign of life for {_SILENT_SECONDS:.0f} s: a cell stopped "
                    "it, or closed its sockets"
                )
            return
        last = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-12:]
        raise CellFailed(
            f"the kernel ended with exit status {self._process.returncode}"
            + (":\n" + "\n".join(last) if last else " and said nothing (out of memory?)")
        )

    def _has_ended(self, seconds: float = _EXIT_SECONDS) -> bool:
        """Wait a little for the kernel to end."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.poll() is not None

    def _signal(self, number: int) -> None:
        """Send a signal to the kernel and all that its cells started; one that ended is left alone."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.name == "posix":
                os.killpg(self._process.pid, number)
            else:
                self._process.send_signal(number)

    def _kill(self) -> None:
        self._process.kill()
        self._has_ended(5.0)
