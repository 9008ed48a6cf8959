"""A chapter's prose changed, and nothing that its cells see: its frozen copy goes on, changed alike."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from cvlib.engine.chapter import Chapter
from cvlib.freeze.carry_over import carried_over
from cvlib.freeze.freeze import frozen_markdowns, recorded_inputs, write_sidecar
from cvlib.results.files import replace_text

Inputs = Callable[[list[str]], Mapping[str, str]]


def refreeze(folder: Path, before: Chapter, after: Chapter, inputs: Inputs | None = None) -> bool:
    """Turn the frozen copy of `before` in `folder` into that of `after`, as executing it would.

    inputs: what `after` reads besides its text, asked with its markdowns, for they cite; None: what
    `before` read. Returns False, nothing written, when the copy is not of that text, or the cells
    are others: execute it then.
    """
    recorded = recorded_inputs(folder)
    records = {}
    for path in sorted((folder / "execute-results").glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        if "result" not in record:
            continue  # the sidecar
        if record["hash"] != before.hash:
            return False
        markdown = carried_over(before, after, record["result"]["markdown"])
        if markdown is None:
            return False
        record["hash"], record["result"]["markdown"] = after.hash, markdown
        records[path] = record
    for path, record in records.items():
        replace_text(path, json.dumps(record, indent=2, ensure_ascii=False))
    if recorded is not None and records:
        read = recorded if inputs is None else inputs(frozen_markdowns(folder))
        write_sidecar(folder, read)
    return bool(records)
