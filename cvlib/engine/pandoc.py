"""pandoc from its wheel (or PATH): reading markdown, writing Typst and HTML."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

from cvlib.engine.errors import RenderError


@lru_cache(maxsize=1)
def executable() -> str:
    """Return the path of pandoc's program, without importing its wheel."""
    spec = find_spec("pypandoc")
    if spec is not None and spec.origin is not None:
        name = "pandoc.exe" if os.name == "nt" else "pandoc"
        packed = Path(spec.origin).parent / "files" / name
        if packed.is_file():
            return str(packed)
    found = shutil.which("pandoc")
    if found is None:
        raise RenderError(
            "pandoc was not found, neither in the wheel pypandoc-binary nor on PATH: "
            "pip install pypandoc-binary"
        )
    return found


class Memory:
    """What pandoc wrote, for a process that converts the same chapters again and again.

    size: how many answers are kept, those asked for last.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._answers: OrderedDict[object, tuple[str, str]] = OrderedDict()
        self._lock = Lock()

    def find(self, key: object) -> tuple[str, str] | None:
        """Return the answer kept for `key`."""
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
            return self._answers.get(key)

    def keep(self, key: object, answer: tuple[str, str]) -> None:
        """Keep an answer, and let go of the oldest where there are too many."""
        with self._lock:
            self._answers[key] = answer
            while len(self._answers) > self._size:
                self._answers.popitem(last=False)


_memory: Memory | None = None


def remember(size: int = 256) -> None:
    """Keep answers from now on: the same text with the same arguments and files is asked once."""
    global _memory
    _memory = Memory(size)


def run(arguments: Sequence[str], text: str) -> tuple[str, str]:
    """Run pandoc on `text`; return what it wrote and what it warned of."""
    memory = _memory
    if memory is None:
        return _run(arguments, text)
    # a bibliography is named, and may change while its name stays
    stamps = [_stamp(Path(argument)) for argument in arguments]
    key = (*arguments, *stamps, text)
    answer = memory.find(key)
    if answer is None:
        answer = _run(arguments, text)
        memory.keep(key, answer)
    return answer


def _run(arguments: Sequence[str], text: str) -> tuple[str, str]:
    done = subprocess.run(
        [executable(), *arguments], input=text.encode(), capture_output=True, check=False
    )
    warnings = done.stderr.decode(errors="replace").strip()
    if done.returncode != 0:
        raise RenderError(f"pandoc {' '.join(arguments)} failed: {warnings}")
    return done.stdout.decode(), warnings


def _stamp(path: Path) -> tuple[int, int] | None:
    """When a file was written, and how long it is; None for what names no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size) if path.is_absolute() else None


def read(markdown: str) -> dict[str, Any]:
    """Parse markdown as Quarto has it parsed; return pandoc's document (blocks, meta)."""
    written, _ = run(["--from", "markdown", "--to", "json"], markdown)
    return parse(written)


def parse(written: str) -> dict[str, Any]:
    """Return the document in pandoc's JSON."""
    document: dict[str, Any] = json.loads(written)
    return document


def write(document: dict[str, Any], arguments: Sequence[str]) -> tuple[str, str]:
    """Write a document with `arguments` (`--to` among them); return text and warnings."""
    return run(["--from", "json", *arguments], json.dumps(document))
