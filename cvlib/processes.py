"""What commands share that run until they are ended: a port of 127.0.0.1, signals heard and sent."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from cvlib.errors import CvlibError

if TYPE_CHECKING:
    from email.message import Message

ADDRESS = "127.0.0.1"  # only this machine reaches it


class PortTaken(CvlibError, OSError):
    """A port cannot be had; the message says who has it."""


def check_port(port: int, is_ours: Callable[[int], bool], what: str) -> None:
    """Raise PortTaken where a port of 127.0.0.1 cannot be had.

    is_ours: whether what listens there is another one of `what`, such as `preview`.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
        try:
            probe.bind((ADDRESS, port))
        except OSError as error:
            who = (
                f"another {what} is open there, http://{ADDRESS}:{port}"
                if is_ours(port)
                else f"another program has it ({error.strerror})"
            )
            raise PortTaken(
                f"port {port} of {ADDRESS} cannot be had: {who}; end that one, or give another "
                f"port, such as --port {port + 1}"
            ) from None


def fetch(port: int, path: str) -> tuple[Message, bytes] | None:
    """Headers and body of a page that a server on this machine gives; None where none does."""
    import http.client
    import urllib.request

    # no proxy stands between this machine and itself
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{ADDRESS}:{port}{path}", timeout=2) as answer:
            return answer.headers, answer.read()
    except (OSError, ValueError, http.client.HTTPException):
        return None


def asked_to_end(stop: Callable[[int, object], None]) -> AbstractContextManager[None]:
    """Within it SIGTERM, and SIGHUP where there is one, call `stop`, which may raise.

    A signal that is ignored stays so: `nohup` does that. Ctrl-C raises KeyboardInterrupt by itself.
    """
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    return hearing([n for n in numbers if signal.getsignal(n) != signal.SIG_IGN], stop)


@contextlib.contextmanager
def hearing(numbers: Iterable[int], stop: Callable[[int, object], None]) -> Iterator[None]:
    """Within it these signals call `stop`."""
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def signal_group(process: subprocess.Popen[Any], number: int) -> None:
    """Send a signal to a process and all that it started; one that has ended is left alone.

    process: started with `start_new_session=True`, so that its group has its number.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.name == "posix":
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
