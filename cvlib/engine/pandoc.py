"""pandoc from its wheel (or PATH): reading markdown, writing Typst and HTML."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cvlib.engine.errors import RenderError
from cvlib.engine.output import stamp

# A chapter is read in 0.1 s, a megabyte of prose in 1 s. What is not done after this, by the
# processor's clock, will hardly ever be: 30 open brackets take pandoc hours.
_READ_SECONDS = 4.0
_READ_CHARACTERS = 200_000  # for each second more
# Lists, quotes, divs, emphasis, … inside each other, as levels of pandoc's JSON: two or three for each.
# Python, pandoc and Typst all have a stack.
_MOST_LEVELS = 180
_MARKS = re.compile(r"[^\w\s,;:'-]|^[ \t]+")
_CODE = re.compile(r"^(```+|~~~+)(?!.*\{=).*?^\1[`~]*[ \t]*$", re.MULTILINE | re.DOTALL)


class TooNested(RenderError):
    """Text that cannot be read in a sensible time, or into a tree that nobody can walk through."""

    def __init__(self, why: str, text: str) -> None:
        code_left_out = _CODE.sub("", text).split("\n")
        self.text = max(code_left_out, key=lambda line: len("".join(_MARKS.findall(line))))
        super().__init__(
            f"{why}; most marks, or the deepest, are in `{self.text.strip()[:40]}`: nest less there, "
            "or put it into a block of code"
        )


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


_FOREVER = float("inf")
_LOOK_SECONDS = 0.5


def run(arguments: Sequence[str], text: str, seconds: float = _FOREVER) -> tuple[str, str]:
    """Run pandoc on `text`; return what it wrote and what it warned of.

    The same text with the same arguments and files is asked once: a preview converts the same chapters
    again and again. Raises RenderError, and TooNested once it has computed for so many seconds.
    """
    # a bibliography is named, and may change while its name stays
    stamps = tuple(stamp(path) for path in map(Path, arguments) if path.is_absolute())
    return _run(tuple(arguments), stamps, text, seconds)


@lru_cache(maxsize=256)
def _run(arguments: tuple[str, ...], _stamps: object, text: str, seconds: float) -> tuple[str, str]:
    asked: bytes | None = text.encode()
    with subprocess.Popen(
        [executable(), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        while True:
            try:
                written, said = process.communicate(asked, timeout=min(seconds, _LOOK_SECONDS))
                break
            except subprocess.TimeoutExpired:
                asked = None  # it has that
                if _computed(process.pid) > seconds:
                    process.kill()
                    raise TooNested(f"not read within {seconds:.0f} s", text) from None
            except BaseException:
                process.kill()
                raise
    warnings = said.decode(errors="replace").strip()
    if process.returncode != 0:
        raise RenderError(f"pandoc {' '.join(arguments)} failed: {warnings}")
    return written.decode(), warnings


def _computed(pid: int) -> float:
    """Seconds that a process has computed: what a busy machine takes longer for is not its fault."""
    import psutil  # most are done before anybody asks

    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)


def read_ahead(texts: Iterable[str]) -> None:
    """Let pandoc parse texts that `read` will probably be asked for, while the caller does other things."""
    pool = ThreadPoolExecutor(max_workers=4)
    for text in texts:
        pool.submit(read, text)
    pool.shutdown(wait=False)


def read(text: str, form: str = "markdown") -> dict[str, Any]:
    """Parse markdown as Quarto has it parsed, or HTML; return pandoc's document (blocks, meta).

    Raises TooNested for text that nests too deep.
    """
    seconds = _READ_SECONDS + len(text) / _READ_CHARACTERS
    written, _ = run(["--from", form, "--to", "json"], text, seconds)
    try:
        document: dict[str, Any] = json.loads(written)
    except RecursionError:
        document = {}
    level: list[Any] = [document]
    for _ in range(_MOST_LEVELS):
        inner = (item.values() if isinstance(item, dict) else item for item in level)
        level = [value for values in inner for value in values if isinstance(value, dict | list)]
    if level or not document:
        raise TooNested("nested too deep", text)
    return document


def write(document: dict[str, Any], arguments: Sequence[str]) -> tuple[str, str]:
    """Write a document with `arguments` (`--to` among them); return text and warnings."""
    return run(["--from", "json", *arguments], json.dumps(document))
