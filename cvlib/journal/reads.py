"""Files that a chapter reads in a way that is not seen."""

from __future__ import annotations

from pathlib import Path

from cvlib import recorder
from cvlib.journal.errors import JournalError


def reads(*paths: str | Path) -> None:
    """Say that this chapter reads files which native code or another program opens.

    What Python opens is seen without it. paths: from the chapter's folder, such as
    `"measured.parquet"`; the chapter is executed again when one of them changes.
    Raises JournalError for one that is not there.

    Example: reads("references.bib")
    """
    for path in map(Path, paths):
        if not path.is_file():
            raise JournalError(f"reads({str(path)!r}): there is no such file in {path.parent}")
        if recorder.active is not None:
            recorder.active.declare(path)
