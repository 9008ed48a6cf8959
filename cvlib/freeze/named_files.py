"""Files of one's own that a chapter's cells read: modules beside it, and files that they name."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from cvlib.studies.syntax import normalised


def named_files(cells: Iterable[str], folder: Path) -> list[Path]:
    """Modules in the chapter's `folder` that cells import, with what these import, and files named.

    A file counts when its path, as cells would open it from that folder, is written out in quotes.
    """
    found: dict[Path, None] = {}
    waiting = list(cells)
    while waiting:
        try:
            tree = ast.parse(waiting.pop())
        except SyntaxError:  # IPython's magics are no Python
            continue
        for path in _named(tree, folder):
            if path not in found:
                found[path] = None
                if path.suffix == ".py":
                    waiting.append(path.read_text(encoding="utf-8", errors="replace"))
    return sorted(found)


def file_digest(path: Path) -> str:
    """16 hex digits over a file; of Python over what it means."""
    content = path.read_bytes()
    if path.suffix == ".py":
        with suppress(SyntaxError, UnicodeDecodeError):  # the chapter that imports it will say so
            content = normalised(content.decode("utf-8")).encode()
    return hashlib.sha256(content).hexdigest()[:16]


def _named(tree: ast.AST, folder: Path) -> Iterable[Path]:
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [_module(alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [_module(node.module)]
            names += [_module(f"{node.module}.{alias.name}") for alias in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names = [node.value] if "." in node.value and "\n" not in node.value else []
        for name in names:
            if name.startswith("cvlib/"):
                continue  # a chapter at the root: the library's code counts by what is called of it
            path = folder / name
            try:
                if path.is_file():
                    yield path.resolve()
            except (OSError, ValueError):
                continue  # too long for a path: it is none


def _module(name: str) -> str:
    return name.replace(".", "/") + ".py"
