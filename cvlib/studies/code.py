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
from cvlib.studies.syntax import (
    imported,
    module_file,
    spelled,
    statements,
    without_docstrings,
)
from cvlib.training.spec import TrainSpec

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
    seen = set(waiting)
    while waiting:
        module = waiting.pop()
        if module.split(".")[-1] == DECLARATIONS or module.startswith(COVERED_BY_FINGERPRINT):
            continue
        path = module_file(root, module)
        if path is None:
            continue
        state = path.stat()
        digest, imports = _read(path, module, (state.st_mtime_ns, state.st_size))
        if digest:
            found[module] = digest
        waiting.extend(imports - seen)
        seen |= imports
    return dict(sorted(found.items()))


def changed_modules(then: dict[str, str], now: dict[str, str]) -> list[str]:
    """Names of the modules that differ between two fingerprints, sorted."""
    return sorted(name for name in then.keys() | now.keys() if then.get(name) != now.get(name))


@cache
def _read(path: Path, module: str, _state: tuple[int, int]) -> tuple[str, frozenset[str]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imports = frozenset(imported(statements(tree.body), module, path.name == "__init__.py"))
    if not without_docstrings(tree.body):
        return "", imports
    return hashlib.sha256(spelled(tree).encode()).hexdigest()[:16], imports
