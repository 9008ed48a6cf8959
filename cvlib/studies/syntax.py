"""Python source by meaning: syntax trees without comments, docstrings and formatting.

The spelling is the same in every Python from 3.10 on, so that digests of it may be committed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE = "cvlib"
# `kind` marks u"" strings, `ctx` follows from the place, type comments are comments
_NO_MEANING = ("kind", "ctx", "type_comment", "type_ignores")
_BODIES = ("body", "orelse", "finalbody")


def normalised(source: str) -> str:
    """A text that two modules share when they mean the same; the same in every Python from 3.10.

    `ast.dump` will not do: it gained fields with 3.12 and dropped empty ones with 3.13.
    """
    return spelled(ast.parse(source))


def spelled(value: Any) -> str:
    """Write a node, or a list of them, with every field that means something.

    A bare string is left out: it is documentation wherever it stands, of attributes too.
    """
    if isinstance(value, list):
        return f"[{','.join(map(spelled, value))}]"
    if not isinstance(value, ast.AST):
        return repr(value)
    kind: Any = type(value)
    fields = []
    for name in _fields(kind):
        inner = getattr(value, name, None)
        if name in _BODIES and isinstance(inner, list):
            inner = without_docstrings(inner, kind)
        elif kind is ast.JoinedStr:
            # Python 3.12.0 and 3.12.1 end a nested format spec with an empty string
            inner = [part for part in inner or () if not _is_empty_string(part)]
        if (inner is None or inner == []) and kind is not ast.Constant:
            continue
        fields.append(f"{name}={spelled(inner)}")
    return f"{kind.__name__}({','.join(fields)})"


def without_docstrings(body: list[ast.stmt], holder: type[ast.AST] = ast.Module) -> list[ast.stmt]:
    """The statements that do something; `pass` where Python wants one and there is none."""
    kept = [statement for statement in body if not is_bare_string(statement)]
    return kept if kept or holder is ast.Module else [ast.Pass()]


@cache
def _fields(kind: Any) -> tuple[str, ...]:
    return tuple(name for name in kind._fields if name not in _NO_MEANING)


def statements(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Every statement in `body` and below that can run: none below `if TYPE_CHECKING:`."""
    for node in body:
        yield node
        for name in ("body", "handlers", "cases", "orelse", "finalbody"):
            inner = getattr(node, name, None)
            if isinstance(inner, list) and not (
                name == "body" and isinstance(node, ast.If) and is_type_checking(node)
            ):
                yield from statements(inner)


def is_type_checking(node: ast.If) -> bool:
    """Whether a branch is taken by type checkers alone."""
    return any(
        (isinstance(part, ast.Name) and part.id == "TYPE_CHECKING")
        or (isinstance(part, ast.Attribute) and part.attr == "TYPE_CHECKING")
        for part in ast.walk(node.test)
    )


def imported(nodes: Iterable[ast.AST], module: str, is_package: bool) -> Iterator[str]:
    """Dotted names below cvlib that the imports among `nodes` may load.

    `from cvlib.data import loader` gives both `cvlib.data` and `cvlib.data.loader`; what is no
    module has no file.
    """
    for node in nodes:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parent = module.split(".")
                parent = parent[: len(parent) - node.level + is_package]
                base = ".".join([*parent, base]).rstrip(".")
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] == PACKAGE)


def module_file(root: Path, module: str) -> Path | None:
    """Where a module's source lies below `root`; None where `module` names none."""
    base = root.joinpath(*module.split("."))
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.exists():
            return candidate
    return None


def is_bare_string(node: ast.AST) -> bool:
    """Whether a statement is a string alone."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _is_empty_string(node: object) -> bool:
    return isinstance(node, ast.Constant) and node.value == ""
