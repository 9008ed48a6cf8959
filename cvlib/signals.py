"""Signals that ask a process to end, handled for as long as something has to be ended in order."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator

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
