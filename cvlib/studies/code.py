"""The code cue: a fingerprint of the modules that a run imports, by meaning and not by spelling.

A module counts by its syntax tree without comments, docstrings and formatting. Left out is what
another cue watches: modules named `spec` only declare values, and a changed value shows up as a
changed spec; what finds and selects the data is covered by the data's fingerprint.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from cvlib.models.spec import FAMILIES
from cvlib.probing.spec import LinearProbeSpec
from cvlib.studies.spec import RunSpec
from cvlib.training.spec import TrainSpec

PACKAGE = "cvlib"
DECLARATIONS = "spec"

# What a run of each kind executes, besides its family of models.
_DATA = "cvlib.data.load"
_TRAIN = "cvlib.training.run"
_PROBE = "cvlib.probing.run"
_ZERO_SHOT = "cvlib.probing.zero_shot_run"
_EMBEDDING = "cvlib.analysis.feature_maps"
# What makes the features of frozen backbones: a change here makes those in the cache useless.
FEATURES = (_DATA, FAMILIES["backbone"], "cvlib.probing.features")

# Modules that only decide which bytes and labels are used. The dataset's fingerprint is taken over
# just those, so that a change here that matters shows up as changed data.
COVERED_BY_FINGERPRINT = (
    "cvlib.data.fingerprint",
    "cvlib.data.providers",
    "cvlib.data.selection",
    "cvlib.data.sources",
)


def entries(spec: RunSpec) -> tuple[str, ...]:
    """The modules that a run of this spec starts in: those that it uses, no others."""
    chosen = [_DATA, FAMILIES[spec.model.kind]]
    if isinstance(spec.train, TrainSpec):
        chosen.append(_TRAIN)
        if spec.train.mode == "probe_then_fine_tune":
            chosen.append(_PROBE)
    else:
        chosen.append(_PROBE if isinstance(spec.train, LinearProbeSpec) else _ZERO_SHOT)
    if spec.embedding is not None:
        chosen.append(_EMBEDDING)
    return tuple(chosen)


def code_fingerprint(entries: Iterable[str], source: Path | None = None) -> dict[str, str]:
    """Digest of every cvlib module that `entries` import, directly or through others.

    entries: dotted module names; source: the folder that holds the package `cvlib`.
    Returns module name -> 16 hex digits.
    """
    root = source or Path(__file__).resolve().parents[2]
    found: dict[str, str] = {}
    waiting = list(entries)
    while waiting:
        module = waiting.pop()
        if module in found or module.split(".")[-1] == DECLARATIONS:
            continue
        if module.startswith(COVERED_BY_FINGERPRINT):
            continue
        path = _file(root, module)
        if path is None:
            continue
        digest, imports = _read(path, module, path.stat().st_mtime_ns)
        if digest:
            found[module] = digest
        waiting.extend(imports)
    return dict(sorted(found.items()))


def changed_modules(then: dict[str, str], now: dict[str, str]) -> list[str]:
    """Names of the modules that differ between two fingerprints, sorted."""
    return sorted(name for name in then.keys() | now.keys() if then.get(name) != now.get(name))


def normalised(source: str) -> str:
    """A text that two modules share when they mean the same; the same in every Python from 3.10.

    `ast.dump` will not do: it gained fields with 3.12 and dropped empty ones with 3.13.
    """
    return _spell(_without_docstrings(ast.parse(source)))


@cache
def _read(path: Path, module: str, _mtime_ns: int) -> tuple[str, tuple[str, ...]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imports = tuple(_imports(tree, module, path.name == "__init__.py"))
    spelled = _spell(_without_docstrings(tree))
    if spelled == _spell(ast.parse("")):
        return "", imports
    return hashlib.sha256(spelled.encode()).hexdigest()[:16], imports


def _file(root: Path, module: str) -> Path | None:
    base = root.joinpath(*module.split("."))
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.exists():
            return candidate
    return None


def _imports(tree: ast.AST, module: str, is_package: bool) -> Iterable[str]:
    for node in _executed(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parent = module.split(".")
                parent = parent[: len(parent) - node.level + is_package]
                base = ".".join([*parent, base]).rstrip(".")
            # `from cvlib.data import loader` may name a module; those that are none have no file
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] == PACKAGE)


def _executed(tree: ast.AST) -> Iterable[ast.AST]:
    """All nodes but those below `if TYPE_CHECKING:`, which never run."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting.extend(node.orelse)
            continue
        yield node
        waiting.extend(ast.iter_child_nodes(node))


def _without_docstrings(tree: ast.Module) -> ast.Module:
    holders = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        # a bare string is documentation, wherever it stands (attribute docstrings too)
        for name in ("body", "orelse", "finalbody"):
            body = getattr(node, name, None)
            if isinstance(body, list):
                kept = [s for s in body if not _is_bare_string(s)]
                setattr(node, name, kept if kept or isinstance(node, holders) else [ast.Pass()])
        if isinstance(node, holders[1:]) and not node.body:
            node.body = [ast.Pass()]
    return tree


def _is_bare_string(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _is_empty_string(node: object) -> bool:
    return isinstance(node, ast.Constant) and node.value == ""


def _spell(value: object) -> str:
    if isinstance(value, ast.AST):
        fields = []
        for name, inner in ast.iter_fields(value):
            # `kind` marks u"" strings, `ctx` follows from the place, type comments are comments
            if (
                name in ("kind", "ctx", "type_comment", "type_ignores")
                or inner is None
                or inner == []
            ) and not (isinstance(value, ast.Constant) and name == "value"):
                continue
            if isinstance(value, ast.JoinedStr):
                # Python 3.12.0 and 3.12.1 end a nested format spec with an empty string
                inner = [part for part in inner if not _is_empty_string(part)]
            fields.append(f"{name}={_spell(inner)}")
        return f"{type(value).__name__}({','.join(fields)})"
    if isinstance(value, list):
        return f"[{','.join(_spell(item) for item in value)}]"
    return repr(value)
