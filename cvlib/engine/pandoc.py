"""pandoc from its wheel (or PATH): reading markdown, writing Typst and HTML."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
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


_remembered: Callable[..., tuple[str, str]] | None = None


def remember(size: int = 256) -> None:
    """Keep the last `size` answers, for a process that converts the same chapters again and again.

    The same text with the same arguments and files is asked once.
    """
    global _remembered
    _remembered = lru_cache(maxsize=size)(lambda arguments, _stamps, text: _run(arguments, text))


def run(arguments: Sequence[str], text: str) -> tuple[str, str]:
    """Run pandoc on `text`; return what it wrote and what it warned of."""
    if _remembered is None:
        return _run(arguments, text)
    # a bibliography is named, and may change while its name stays
    stamps = tuple(_stamp(Path(argument)) for argument in arguments)
    return _remembered(tuple(arguments), stamps, text)


def _run(arguments: Sequence[str], text: str) -> tuple[str, str]:
    done = subprocess.run(
        [executable(), *arguments], input=text.encode(), capture_output=True, check=False
    )
    warnings = done.stderr.decode(errors="replace").strip()
    if done.returncode != 0:
        raise RenderError(f"pandoc {' '.join(arguments)} failed: {warnings}")
    return done.stdout.decode(), warnings


def read_ahead(texts: Iterable[str]) -> None:
    """Let pandoc parse texts that `read` will probably be asked for, while the caller does other things."""
    remember()
    pool = ThreadPoolExecutor(max_workers=4)
    for text in texts:
        pool.submit(read, text)
    pool.shutdown(wait=False)


def _stamp(path: Path) -> tuple[int, int] | None:
    """When a file was written, and how long it is; None for what names no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size) if path.is_absolute() else None


def read(text: str, form: str = "markdown") -> dict[str, Any]:
    """Parse markdown as Quarto has it parsed, or HTML; return pandoc's document (blocks, meta)."""
    written, _ = run(["--from", form, "--to", "json"], text)
    document: dict[str, Any] = json.loads(written)
    return document


def write(document: dict[str, Any], arguments: Sequence[str]) -> tuple[str, str]:
    """Write a document with `arguments` (`--to` among them); return text and warnings."""
    return run(["--from", "json", *arguments], json.dumps(document))
