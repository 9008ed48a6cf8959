"""pandoc from its wheel (or PATH): reading markdown, writing Typst and HTML."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cvlib.publish.errors import PublishError


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
        raise PublishError(
            "pandoc was not found, neither in the wheel pypandoc-binary nor on PATH: "
            "pip install pypandoc-binary"
        )
    return found


def run(arguments: Sequence[str], text: str) -> tuple[str, str]:
    """Run pandoc on `text`; return what it wrote and what it warned of."""
    done = subprocess.run(
        [executable(), *arguments], input=text.encode(), capture_output=True, check=False
    )
    warnings = done.stderr.decode(errors="replace").strip()
    if done.returncode != 0:
        raise PublishError(f"pandoc {' '.join(arguments)} failed: {warnings}")
    return done.stdout.decode(), warnings


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
