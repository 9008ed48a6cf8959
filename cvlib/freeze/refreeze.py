"""A chapter's prose changed, and nothing that its cells see: its frozen copy goes on, changed alike."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

from cvlib.engine.chapter import Chapter
from cvlib.freeze.carry_over import carried_over
from cvlib.freeze.frozen_copy import FrozenCopy, Record, write_record
from cvlib.results.files import replace_text


def refreeze(
    folder: Path,
    before: Chapter,
    after: Chapter,
    record_of: Callable[[Record, Iterable[str]], Record] = lambda record, _: record,
) -> bool:
    """Turn the frozen copy of `before` in `folder` into that of `after`, as executing it would.

    record_of: the record of `after`, from that of `before` and the new markdowns, for they cite.
    Returns False, nothing written, when the copy is not of that text, or the cells are others:
    execute it then.
    """
    record = FrozenCopy(folder).record
    contents = {}
    for path in sorted((folder / "execute-results").glob("*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        if "result" not in content:
            continue  # the record
        if content["hash"] != before.hash:
            return False
        markdown = carried_over(before, after, content["result"]["markdown"])
        if markdown is None:
            return False
        content["hash"], content["result"]["markdown"] = after.hash, markdown
        contents[path] = content
    for path, content in contents.items():
        replace_text(path, json.dumps(content, indent=2, ensure_ascii=False))
    if record is not None and contents:
        write_record(folder, record_of(record, FrozenCopy(folder).markdowns))
    return bool(contents)
