"""After a render: whether its PDF may be handed in, in a sentence. It never fails a render that worked.

`cvlib check` is the place for all that it has to say, and for an exit code.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cvlib.freeze.lock import lock_folder
from cvlib.freeze.lock import lock_folder as verified  # to go

if TYPE_CHECKING:
    from cvlib.project import Project

_NOTE = "check.json"
# What differs between two PDFs of the same content: when they were made, and ids made of that.
_DATES = re.compile(
    rb"/(?:CreationDate|ModDate) ?\([^)]*\)|<xmp:(?:Create|Modify|Metadata)Date>[^<]*<|"
    rb"/ID ?\[[^\]]*\]|<xmpMM:\w+ID>[^<]*<"
)


def say_whether_ready(layout: Project, pdf: Path, notify: Callable[[str], None]) -> None:
    """Check a PDF that was just made and say what came of it.

    The same PDF of a project in which nothing changed is not looked at twice.
    """
    key = _state(layout, pdf)
    noted = _noted(layout)
    said = noted.get(key or "")
    if said is None:
        try:
            from cvlib.check import check_report

            report = check_report(layout, pdf)
        except Exception as error:  # a mistake in the check is no reason to lose the render
            notify(f"{pdf.name} was not checked: {type(error).__name__}: {error}")
            return
        said = report.summary()
        if not report.ok:
            said += " `cvlib check` says what and where."
        if key is not None:
            _note(layout, {**noted, key: said})
    notify(f"{pdf.name}: {said}")


def _state(layout: Project, pdf: Path) -> str | None:
    """What the outcome of a check depends on; None where that is not known to be unchanged."""
    known = verified(layout)
    if known is None:
        return None
    content = hashlib.sha256(_DATES.sub(b"", pdf.read_bytes())).hexdigest()
    return f"{known.signature} {content}"


def _noted(layout: Project) -> dict[str, str]:
    try:
        note = json.loads((lock_folder(layout.root) / _NOTE).read_text(encoding="utf-8"))
        return {str(key): str(said) for key, said in note.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def _note(layout: Project, outcomes: dict[str, str]) -> None:
    path = lock_folder(layout.root) / _NOTE
    staged = path.with_name(f"{path.name}.{os.getpid()}")
    # one for each engine, and a few more
    staged.write_text(json.dumps(dict(list(outcomes.items())[-4:])), encoding="utf-8")
    staged.replace(path)
