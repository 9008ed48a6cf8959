"""`{{< include file >}}`: lines of a chapter with what it includes, each with where it came from."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import NamedTuple

from cvlib.engine.errors import BookError

_INCLUDE = re.compile(r"^\s*\{\{<\s*include\s+(\S+)\s*>\}\}\s*$")
_FENCE = re.compile(r"^\s*(```+|~~~+)")


class Line(NamedTuple):
    """A line without its end, and its place."""

    text: str
    file: str
    number: int


def read_lines(root: Path, file: str, text: str) -> tuple[list[Line], tuple[str, ...]]:
    """Split `text` into lines, includes resolved; also return the included files.

    A file is named relative to the one that includes it, or from the project with a leading `/`.
    """
    included: list[str] = []
    lines = _expand(root, file, text, (file,), included)
    return lines, tuple(dict.fromkeys(included))


def _expand(
    root: Path, file: str, text: str, open_files: tuple[str, ...], included: list[str]
) -> list[Line]:
    lines: list[Line] = []
    fence = ""
    for number, content in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        ticks = _FENCE.match(content)
        if ticks:
            fence = ticks.group(1) if not fence else "" if ticks.group(1) == fence else fence
        found = None if fence else _INCLUDE.match(content)
        if found is None:
            lines.append(Line(content, file, number))
            continue
        name = found.group(1).strip("\"'")
        start = "" if name.startswith("/") else posixpath.dirname(file)
        target = posixpath.normpath(posixpath.join(start, name.lstrip("/")))
        if target in open_files:
            raise BookError(f"{target} includes itself", file=file, line=number)
        if not (root / target).is_file():
            raise BookError(f"included file {target} does not exist", file=file, line=number)
        included.append(target)
        inner = (root / target).read_text(encoding="utf-8-sig")
        lines.extend(_expand(root, target, inner, (*open_files, target), included))
    return lines
