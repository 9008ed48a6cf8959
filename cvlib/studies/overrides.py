"""Laying overrides over a base spec: dotted or nested keys, and choices that bring own options."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from cvlib.studies.located_yaml import Address, Located
from cvlib.studies.spec import TRAINING_MODES

# A mapping with such a key is a choice (`optimizer: {name: adamw, …}`): naming another choice
# replaces the whole mapping, since the options of the first mean nothing to the second. Another
# dataset keeps its subset and splits; another name of a backbone keeps its size.
CHOICE_KEYS = ("name", "kind", "mode")
_CHOICE_OF: dict[Address, str | None] = {("dataset",): None, ("model",): "kind", ("train",): "mode"}


def overlay(base: Located, change: Located) -> Located:
    """Return `base` with `change` laid over it; neither is altered. Lines follow the values."""
    result = Located(copy.deepcopy(base.data), dict(base.lines), base.file)
    for key, value in sorted(change.data.items(), key=lambda item: not _is_choice(item[0])):
        _put(result, tuple(key.split(".")), value, change, (key,))
    return result


def capped(located: Located, largest: Mapping[str, float]) -> Located:
    """Return `located` with no number above its cap; keys that it does not have stay absent."""
    result = Located(copy.deepcopy(located.data), dict(located.lines), located.file)
    for key, cap in largest.items():
        *parents, last = key.split(".")
        inner: Any = result.data
        for parent in parents:
            inner = inner.get(parent) if isinstance(inner, dict) else None
        value = inner.get(last) if isinstance(inner, dict) else None
        if isinstance(value, int | float) and value > cap:
            inner[last] = cap
    return result


def _put(into: Located, target: Address, value: Any, change: Located, source: Address) -> None:
    line = change.line(source) or 0
    parent = into.data
    for depth, key in enumerate(target[:-1]):
        inner = parent.setdefault(key, {})
        if isinstance(inner, str) and key == "dataset":
            inner = parent[key] = {"name": inner}
        if not isinstance(inner, dict):
            raise change.error(
                source,
                f"{'.'.join(target)} cannot be set: {'.'.join(target[: depth + 1])} is {inner!r}",
            )
        into.lines.setdefault(target[: depth + 1], line)
        parent = inner
    last = target[-1]
    if target == ("dataset",) and isinstance(value, str):
        value = {"name": value}  # `dataset: cifar10` is short for its name
    if _is_another(target[:-1], parent, last, value):
        parent.clear()
    if isinstance(value, dict):
        existing = parent.get(last)
        if not isinstance(existing, dict) or any(
            key in value and _is_another(target, existing, key, value[key]) for key in CHOICE_KEYS
        ):
            parent[last] = {}
        into.lines[target] = line
        for key, inner_value in value.items():
            _put(into, (*target, *key.split(".")), inner_value, change, (*source, key))
        return
    parent[last] = value
    into.lines[target] = line


def _is_another(address: Address, existing: dict[str, Any], key: str, value: Any) -> bool:
    """Whether `key: value` in the mapping at `address` makes another choice than there is."""
    if key != _CHOICE_OF.get(address, key if key in ("name", "kind") else None):
        return False
    before = existing.get(key)
    if key == "mode":
        return bool(existing) and not (before == value or {before, value} <= set(TRAINING_MODES))
    return before not in (None, value)


def _is_choice(key: str) -> bool:
    # choices first: `{train.optimizer.lr: …, train.optimizer.name: …}` means the same either way
    return key.split(".")[-1] in CHOICE_KEYS
