"""A chapter's text changed only where its cells cannot see it: the frozen copy goes on, changed alike.

A frozen copy holds the chapter's text as it was, and counts by a digest of it. Marking a block as
reviewed rewrites one attribute: executing the chapter again would give the same copy with the same
attribute, so that is what is written, in a moment.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from cvlib.publish.chapter import text_hash
from cvlib.publish.freeze import freeze_folder, recorded_inputs, write_sidecar
from cvlib.results.files import replace_text
from cvlib.studies.project import Layout


def refreeze(layout: Layout, file: str, before: str, lines: Sequence[tuple[str, str]]) -> bool:
    """Carry changed lines over into the frozen copy of a chapter.

    before: the chapter's text before the change; lines: (old, new) of each changed line. Returns
    False, nothing written, when the copy is not of that text, or does not hold one of the lines.
    """
    folder = freeze_folder(layout.root, file)
    inputs = recorded_inputs(folder)
    after = text_hash((layout.root / file).read_text(encoding="utf-8-sig"))
    records = {}
    for path in sorted((folder / "execute-results").glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        if path.name == "inputs.json" or "result" not in record:
            continue
        markdown = record["result"]["markdown"]
        for old, new in lines:
            if old not in markdown:
                return False
            markdown = markdown.replace(old, new, 1)
        if record["hash"] != text_hash(before):
            return False
        record["hash"], record["result"]["markdown"] = after, markdown
        records[path] = record
    if not records:
        return False
    for path, record in records.items():
        replace_text(path, json.dumps(record, indent=2, ensure_ascii=False))
    if inputs is not None:
        write_sidecar(folder, inputs)
    return True
