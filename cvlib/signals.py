"""Signals that ask processes to end: handled while something has to be ended in order, and sent."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

Handler = Callable[[int, object], None]


@contextlib.contextmanager
def asked_to_end(stop: Handler) -> Iterator[None]:
    """Within it SIGTERM, and SIGHUP where there is one, call `stop`, which may raise.

    A signal that is ignored stays so: `nohup` does that. Ctrl-C raises KeyboardInterrupt by itself.
    """
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    heard = [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def signal_group(process: subprocess.Popen[Any], number: int) -> None:
    """Send a signal to a process and all that it started; one that has ended is left alone.

    process: started with `start_new_session=True`, so that its group has its number.
    """
    try:
        if os.name == "posix":
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
    except (ProcessLookupError, PermissionError):
        pass
