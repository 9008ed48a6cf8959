"""A module taken apart into functions, methods, classes' fields and constants, each with what it uses."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from cvlib.studies.syntax import (
    imported,
    is_bare_string,
    is_type_checking,
    spelled,
    without_docstrings,
)

# Decorators that only wrap; any other one may put a function to use where it is defined.
_WRAPPING = {
    *("property", "cached_property", "setter", "staticmethod", "classmethod"),
    *("cache", "lru_cache", "wraps", "contextmanager"),
    *("dataclass", "total_ordering", "overload", "abstractmethod"),
}
# Bases whose methods nobody calls but cvlib, and Python by their names.
_PLAIN_BASES = {
    *("object", "dict", "list", "str", "tuple", "Exception", "ValueError", "KeyError"),
    *("RuntimeError", "ABC", "Generic", "Protocol", "NamedTuple", "TypedDict"),
}
_WORD = re.compile(r"[A-Za-z_]\w*\Z")
_FILE_NAME = re.compile(r"[\w-]+\.(?:css|js|html|mplstyle|json)\Z")


@dataclass
class Uses:
    """What a piece of source refers to.

    names: of variables, functions, attributes, and words in quotes, which may be names of attributes;
    modules: of cvlib, that it imports; files: names in quotes that look like a file's.
    """

    names: set[str] = field(default_factory=set)
    modules: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Part:
    """One part of a module.

    digest: of its meaning. owner: the class of a method. always: it runs when the module is imported.
    hooked: Python or another package calls it, once its class is in use. borrowed: a name that the
    module imports.
    """

    name: str
    digest: str
    uses: Uses
    owner: str = ""
    always: bool = False
    hooked: bool = False
    borrowed: bool = False


def module_parts(path: Path, module: str) -> tuple[Part, ...]:
    """The parts of a module, remembered for each state of its file."""
    state = path.stat()
    return _module_parts(path, module, (state.st_mtime_ns, state.st_size))


def uses_of(nodes: Iterable[ast.AST], module: str = "", is_package: bool = False) -> Uses:
    """What `nodes` refer to; annotations refer to nothing that is called."""
    uses = Uses()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name):
            uses.names.add(node.id)
        elif isinstance(node, ast.Attribute):
            uses.names.add(node.attr)
        elif isinstance(node, ast.alias):
            uses.names.add(node.name)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if _WORD.match(node.value):
                uses.names.add(node.value)
            elif _FILE_NAME.match(node.value):
                uses.files.add(node.value)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            uses.modules.update(imported([node], module, is_package))
        kind: Any = type(node)
        for name in _followed(kind):
            value = getattr(node, name, None)
            if isinstance(value, list):
                if name == "body":
                    value = [item for item in value if not is_bare_string(item)]
                waiting += [item for item in value if isinstance(item, ast.AST)]
            elif isinstance(value, ast.AST):
                waiting.append(value)
    return uses


@cache
def _followed(kind: Any) -> tuple[str, ...]:
    return tuple(name for name in kind._fields if name not in ("annotation", "returns", "ctx"))


@cache
def _module_parts(path: Path, module: str, _state: tuple[int, int]) -> tuple[Part, ...]:
    body = without_docstrings(ast.parse(path.read_text(encoding="utf-8")).body)
    return tuple(_Reader(body, module, path.name == "__init__.py").parts(body))


class _Reader:
    def __init__(self, body: list[ast.stmt], module: str, is_package: bool) -> None:
        self._place = module, is_package
        self._our_classes = {node.name for node in body if isinstance(node, ast.ClassDef)}
        for node in body:
            if isinstance(node, ast.ImportFrom) and any(imported([node], *self._place)):
                self._our_classes.update(alias.asname or alias.name for alias in node.names)

    def parts(self, body: Iterable[ast.stmt]) -> Iterator[Part]:
        for node in body:
            if isinstance(node, ast.If) and is_type_checking(node):
                yield from self.parts(node.orelse)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                yield from self._import(node)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield self._part(node.name, [node], always=not _only_wrapped(node))
            elif isinstance(node, ast.ClassDef):
                yield from self._class(node)
            elif names := _assigned(node):
                yield from (self._part(name, [node]) for name in names if name != "__all__")
            elif not isinstance(node, ast.Pass):
                yield self._part("", [node], always=True)

    def _part(self, name: str, nodes: list[ast.AST], **kind: bool | str) -> Part:
        return Part(name, _digest(spelled(nodes)), uses_of(nodes, *self._place), **kind)  # type: ignore[arg-type]

    def _import(self, node: ast.Import | ast.ImportFrom) -> Iterator[Part]:
        """The import runs the other module; what the name stands for counts where it is used."""
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            return
        uses = uses_of([node], *self._place)
        yield Part("", "", Uses(modules=uses.modules), always=True)
        for alias in node.names:
            origin = f"{getattr(node, 'level', 0)} {getattr(node, 'module', '')} {alias.name}"
            name = alias.asname or alias.name
            yield Part(name, _digest(origin), Uses({alias.name}), borrowed=True)

    def _class(self, node: ast.ClassDef) -> Iterator[Part]:
        methods = [s for s in node.body if isinstance(s, ast.FunctionDef | ast.AsyncFunctionDef)]
        rest = [
            s for s in without_docstrings(node.body) if s not in methods and type(s) is not ast.Pass
        ]
        head = [*node.bases, *node.keywords, *node.decorator_list, *rest]
        yield self._part(node.name, head, always=not _only_wrapped(node))
        ours = self._our_classes | _PLAIN_BASES
        foreign = not all(_last_name(base) in ours for base in node.bases)
        for method in methods:
            # `_repr_markdown_` and `__len__` are called by Jupyter and Python
            hooked = foreign or method.name[0] == method.name[-1] == "_"
            hooked = hooked or not _only_wrapped(method)
            yield self._part(method.name, [method], owner=node.name, hooked=hooked)


def _assigned(node: ast.stmt) -> list[str]:
    """Names that a statement gives a value, and does nothing else."""
    if isinstance(node, ast.AnnAssign):
        return [node.target.id] if isinstance(node.target, ast.Name) else []
    if not isinstance(node, ast.Assign):
        return []
    targets: list[ast.expr] = []
    for target in node.targets:
        targets += target.elts if isinstance(target, ast.Tuple) else [target]
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    return names if len(names) == len(targets) else []


def _only_wrapped(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return all(_last_name(one) in _WRAPPING for one in node.decorator_list)


def _last_name(node: ast.expr) -> str:
    while isinstance(node, ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
