"""Which files changed since the last look.

By asking the file system, a few times a second: a report is some hundred files, whose stamps are read in
a few milliseconds, and this sees changes on every kind of disk, network and container mounts included,
where notifications do not come through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

_Stamp = tuple[int, int, int]


class Watch:
    """Looks at the files that `files` names; folders count by what lies in them, not below.

    files: asked at every look, for the files that a report reads change with its text.
    """

    def __init__(self, files: Callable[[], Iterable[Path]]) -> None:
        self._files = files
        self._stamps = self._look()

    def changes(self) -> set[Path]:
        """Files that appeared, changed or went since the last call."""
        before, self._stamps = self._stamps, self._look()
        return {
            path
            for path in before.keys() | self._stamps.keys()
            if before.get(path) != self._stamps.get(path)
        }

    def _look(self) -> dict[Path, _Stamp | None]:
        return {path: stamp(path) for path in self._files()}


def stamp(path: Path) -> _Stamp | None:
    """When a file was written, its size, and which file it is; None where there is none.

    An editor that saves beside the file and renames makes it another one, of the same name.
    """
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
