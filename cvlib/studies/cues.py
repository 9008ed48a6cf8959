"""The four cues of staleness, each a small predicate that returns its reason or None.

spec and data decide a run's key: when they change, the run that an experiment asks for is
another one, and these cues say in what it differs from the one that was made last. code and
environment leave the key alone: the result stands, and is marked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cvlib.studies.code import changed_modules


def spec_cue(then: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """A resolved value differs: `train.epochs: 8 → 10`."""
    before, after = _flat(then), _flat(now)
    changes = [
        f"{key}: {before.get(key, 'none')} → {after.get(key, 'none')}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]
    return "; ".join(changes) or None


def data_cue(then: str, now: str) -> str | None:
    """The content of the images or labels differs."""
    return None if then == now else f"the dataset's content changed: {then[:10]} → {now[:10]}"


def weights_cue(then: str | None, now: str | None) -> str | None:
    """The run starts from another file of pretrained weights."""
    if then == now:
        return None
    before, after = (sha[:10] if sha else "none" for sha in (then, now))
    return f"the pretrained weights changed: {before} → {after}"


def code_cue(then: Mapping[str, str], now: Mapping[str, str]) -> str | None:
    """A module that the run imported means something else now."""
    changed = changed_modules(dict(then), dict(now))
    return f"code changed since: {', '.join(changed)}" if changed else None


def environment_cue(then: Mapping[str, str], now: Mapping[str, str], package: str) -> str | None:
    """The package that does the arithmetic has another version."""
    before, after = then.get(package), now.get(package)
    return None if before == after else f"{package} {before} → {after}"


def _flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping):
            flat.update(_flat(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = value
    return flat
