"""Python source by meaning: syntax trees without comments, docstrings and formatting.

The spelling is the same in every Python from 3.10 on, so that digests of it may be committed. The
code cue is made of them: a fingerprint of the modules that a run imports. Left out is what another
cue watches: modules named `spec` only declare values, and a changed value shows up as a changed
spec; what finds and selects the data is covered by the data's fingerprint.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from pathlib import Path
from typing import Any

from cvlib.files import replace_text

PACKAGE = "cvlib"
SOURCE = Path(__file__).resolve().parents[2]  # the folder that holds the package
DECLARATIONS = "spec"
# Modules that only decide which bytes and labels are used. The dataset's fingerprint is taken over
# just those, so that a change here that matters shows up as changed data.
COVERED_BY_FINGERPRINT = (
    "cvlib.data.fingerprint",
    "cvlib.data.providers",
    "cvlib.data.selection",
    "cvlib.data.sources",
)
# `kind` marks u"" strings, `ctx` follows from the place, type comments are comments
_NO_MEANING = ("kind", "ctx", "type_comment", "type_ignores")
_BODIES = ("body", "orelse", "finalbody")


def code_fingerprint(entries: Iterable[str], source: Path | None = None) -> dict[str, str]:
    """Digest of every cvlib module that `entries` import, directly or through others.

    entries: dotted module names; source: the folder that holds the package `cvlib`.
    Returns module name -> 16 hex digits.
    """
    found = {module: digest for module, digest, _ in _reached(entries, source) if digest}
    return dict(sorted(found.items()))


def packages_imported(entries: Iterable[str]) -> set[str]:
    """Top-level names of what the same modules import besides cvlib: `torch`, `PIL`, `json`."""
    names = chain(*(imports for _, _, imports in _reached(entries, None)))
    return {name.split(".")[0] for name in names} - {PACKAGE}


def _reached(
    entries: Iterable[str], source: Path | None
) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Every module that the entries import: its name, digest and imports."""
    waiting = list(entries)
    seen = set(waiting)
    while waiting:
        module = waiting.pop()
        if module.split(".")[-1] == DECLARATIONS or module.startswith(COVERED_BY_FINGERPRINT):
            continue
        path = module_file(source or SOURCE, module)
        if path is None:
            continue
        state = path.stat()
        digest, imports = _read(path, module, (state.st_mtime_ns, state.st_size))
        yield module, digest, imports
        own = {name for name in imports if name.split(".")[0] == PACKAGE}
        waiting.extend(own - seen)
        seen |= own
    _cache.save()


@cache
def _read(path: Path, module: str, _state: tuple[int, int]) -> tuple[str, frozenset[str]]:
    content = path.read_bytes()

    def take_apart() -> tuple[str, list[str]]:
        tree = ast.parse(content)
        names = set(imported(statements(tree.body), module, path.name == "__init__.py"))
        return _digest(tree), sorted(names)

    digest, imports = _cache.get(f"{module} {hashlib.sha256(content).hexdigest()}", take_apart)
    return digest, frozenset(imports)


class _SourceCache:
    """What sources mean, kept in a file: they are taken apart once, and not by every command.

    An entry is named by module and content, the file by this module's own content; one that is
    damaged, or of another version, is made anew.
    """

    def __init__(self) -> None:
        self._file: Path | None = None
        self._entries: dict[str, tuple[str, list[str]]] = {}
        self._is_new = False

    def get(self, name: str, make: Callable[[], tuple[str, list[str]]]) -> tuple[str, list[str]]:
        if name not in self._entries:
            self._entries[name] = make()
            self._is_new = True
        return self._entries[name]

    def open(self, file: Path) -> None:
        if self._file == file:
            return
        self._file = file
        with suppress(OSError, ValueError, KeyError, TypeError):
            content = json.loads(file.read_text(encoding="utf-8"))
            if content["checksum"] == self._checksum(content["entries"]):
                self._entries |= content["entries"]

    def save(self) -> None:
        if self._file is None or not self._is_new:
            return
        self._is_new = False
        entries = dict(list(self._entries.items())[-_MOST_KEPT:])
        content = {"checksum": self._checksum(entries), "entries": entries}
        with suppress(OSError):  # a folder that may not be written: the next command works as this
            replace_text(self._file, json.dumps(content))

    def _checksum(self, entries: object) -> str:
        own = Path(__file__).read_bytes()
        return hashlib.sha256(own + json.dumps(entries, sort_keys=True).encode()).hexdigest()


_MOST_KEPT = 1000
_cache = _SourceCache()


def keep_in(file: Path) -> None:
    """Keep what modules mean in this file, from now on; see `code_fingerprint`."""
    _cache.open(file)


def module_digest(source: str) -> str:
    """What `code_fingerprint` says of a module; '' for one that holds nothing but docstrings."""
    return _digest(ast.parse(source))


def _digest(tree: ast.Module) -> str:
    meaning = without_docstrings(tree.body)
    return hashlib.sha256(spelled(tree).encode()).hexdigest()[:16] if meaning else ""


def changed_modules(then: dict[str, str], now: dict[str, str]) -> list[str]:
    """Names of the modules that differ between two fingerprints, sorted."""
    return sorted(name for name in then.keys() | now.keys() if then.get(name) != now.get(name))


@dataclass(frozen=True)
class CodePart:
    """A function, or a statement outside of all functions.

    name: qualified name of the function or class, '' at module level; meaning: its normalised
    text, in which functions and classes that have a part of their own are only named. line: a
    function's first, decorators included, as code objects count; None for what runs at import.
    """

    name: str
    meaning: str
    line: int | None = None


def code_parts(source: str) -> list[CodePart]:
    """A module taken apart, so that the parts of two versions can be compared."""
    splitter = _Splitter()
    for statement in without_docstrings(ast.parse(source).body):
        rest = splitter.visit(statement)
        is_name = isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        if not (is_name or (isinstance(statement, ast.If) and is_type_checking(statement))):
            splitter.parts.append(CodePart("", spelled(rest)))
    return splitter.parts


class _Splitter(ast.NodeTransformer):
    """Takes functions and classes out, innermost first, and leaves their names in their place."""

    def __init__(self) -> None:
        self.parts: list[CodePart] = []
        self._around = ""

    def _take(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> ast.stmt:
        around, name = self._around, self._around + node.name
        self._around = f"{name}."
        self.generic_visit(node)
        self._around = around
        lines = [node.lineno, *(decorator.lineno for decorator in node.decorator_list)]
        line = None if isinstance(node, ast.ClassDef) else min(lines)
        self.parts.append(CodePart(name, spelled(node), line))
        return ast.Expr(ast.Name(f"def {node.name}"))

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = _take


def normalised(source: str) -> str:
    """A text that two modules share when they mean the same; the same in every Python from 3.10."""
    return spelled(ast.parse(source))


def spelled(value: Any) -> str:
    """Write a node, or a list of them, with every field that means something.

    A bare string is left out: it is documentation wherever it stands, of attributes too. `ast.dump`
    will not do: it gained fields with 3.12 and dropped empty ones with 3.13.
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
            inner = [p for p in inner or () if not (isinstance(p, ast.Constant) and p.value == "")]
        if (inner is None or inner == []) and kind is not ast.Constant:
            continue
        fields.append(f"{name}={spelled(inner)}")
    return f"{kind.__name__}({','.join(fields)})"


def without_docstrings(body: list[ast.stmt], holder: type[ast.AST] = ast.Module) -> list[ast.stmt]:
    """The statements that do something; `pass` where Python wants one and there is none."""
    kept = [
        node
        for node in body
        if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        or not isinstance(node.value.value, str)
    ]
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
    """Dotted names that the imports among `nodes` may load.

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
        yield from names


@cache
def version_here(package: str) -> str:
    """The version of an installed package, without a local build tag; `not installed`."""
    try:
        return version(package).split("+")[0]
    except PackageNotFoundError:
        return "not installed"


def module_file(root: Path, module: str) -> Path | None:
    """Where a module's source lies below `root`; None where `module` names none."""
    base = root.joinpath(*module.split("."))
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.exists():
            return candidate
    return None
