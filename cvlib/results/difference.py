"""What differs between two runs, bit for bit, times apart."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from cvlib.files import canonical_json, sha256_text
from cvlib.results.run import Run

_TIMES = ("seconds", "images_per_second")  # what no repeat gives again


def digests(run: Run) -> dict[str, str]:
    """A digest of each file of a run, by name, without the times that are in it."""
    return {
        file: sha256_text(canonical_json({k: _bits(v) for k, v in values.items()}))[:16]
        for file, values in _contents(run).items()
    }


def first_difference(before: Run, after: Run) -> str:
    """`history.json, epoch 1, train_loss: 2.31 → 2.3`; '' where two runs say the same, times apart."""
    old, new = _contents(before), _contents(after)
    for file in {**old, **new}:
        said, says = old.get(file, {}), new.get(file, {})
        for place in {**said, **says}:
            a, b = said.get(place, "none"), says.get(place, "none")
            if _bits(a) == _bits(b):
                continue
            if getattr(a, "shape", None) == getattr(b, "shape", ()):
                index = next(i for i in np.ndindex(a.shape) if a[i].tobytes() != b[i].tobytes())
                return f"{file}, {place}{list(index)}: {a[index]} → {b[index]}"
            return f"{file}, {place}: {getattr(a, 'shape', a)} → {getattr(b, 'shape', b)}"
    return ""


def _contents(run: Run) -> dict[str, dict[str, Any]]:
    """What a run says, by file and place, times apart: numbers, words and arrays."""
    rows = [(f"epoch {i}, ", row) for i, row in enumerate(run.history, 1)]
    tables = [(f"{t}, row {i}, ", row) for t in run.tables for i, row in enumerate(run.tables[t])]
    found: dict[str, dict[str, Any]] = {
        file: {
            where + name: value
            for where, row in parts
            for name, value in row.items()
            if not name.endswith(_TIMES)
        }
        for file, parts in (
            ("history.json", rows),
            ("metrics.json", [("", run.metrics)]),
            ("tables.json", tables),
        )
    }
    found["predictions.npz"] = vars(run.predictions())
    found["embedding.npz"] = run.embedding() or {}
    return {file: values for file, values in found.items() if values}


def _bits(value: Any) -> str:
    if not hasattr(value, "tobytes"):
        return canonical_json(value)
    return f"{value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
