"""One attempt in a process of its own, that may be killed or hang: forked, so that it starts at once."""

from __future__ import annotations

import os
import pickle
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cvlib.errors import CvlibError


@dataclass(frozen=True)
class End:
    """How it ended: `value`, a `refusal` (a message for a person), `traceback`, `killed` or `hung`."""

    how: str
    value: Any = None
    said: str = ""  # what it printed, or its message


def forked(attempt: Callable[[], Any], seconds: float = 60) -> End:
    """Call `attempt` in a forked process; what it returns must be picklable."""
    sys.stdout.flush()
    sys.stderr.flush()
    ours, theirs = os.pipe()
    printed, printing = os.pipe()
    child = os.fork()
    if not child:
        os.setpgid(0, 0)
        os.close(ours)
        os.close(printed)
        os.dup2(printing, 1)
        os.dup2(printing, 2)
        _report(theirs, attempt)
    os.close(theirs)
    os.close(printing)
    answer, said = _drained(ours, printed, time.monotonic() + seconds)
    os.killpg(child, signal.SIGKILL) if answer is None else None
    _, status = os.waitpid(child, 0)
    text = said.decode(errors="replace")
    if answer is None:
        return End("hung", said=text)
    if not answer:
        return End("killed", os.WTERMSIG(status) if os.WIFSIGNALED(status) else status, text)
    how, value, message = pickle.loads(answer)
    return End(how, value, text + message)


def _report(pipe: int, attempt: Callable[[], Any]) -> None:
    try:
        answer = "value", attempt(), ""
    except CvlibError as error:
        answer = "refusal", None, str(error)
    except SystemExit as ended:
        answer = "value" if not ended.code else "refusal", ended.code, ""
    except BaseException:
        answer = "traceback", None, traceback.format_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    data = memoryview(pickle.dumps(answer))
    while data:
        data = data[os.write(pipe, data) :]
    os._exit(0)


def _drained(answer: int, printed: int, until: float) -> tuple[bytes | None, bytes]:
    texts: dict[int, bytes] = {answer: b"", printed: b""}
    open_pipes = {answer, printed}
    try:
        while answer in open_pipes:
            left = until - time.monotonic()
            ready = select.select(list(open_pipes), [], [], max(0.0, left))[0]
            if not ready:
                return None, texts[printed]
            for pipe in ready:
                data = os.read(pipe, 1 << 16)
                texts[pipe] += data
                if not data:
                    open_pipes.discard(pipe)
        return texts[answer], texts[printed]
    finally:
        os.close(answer)
        os.close(printed)
