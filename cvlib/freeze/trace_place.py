"""One place of a report that was traced."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """What stands there, and what it comes from.

    kind: `value`, `row` of a table, `table` or `figure`; shown: how it reads there; runs: first
    digits of their keys, empty where `source`, a file, says it; line: in the chapter, of the
    expression that made it; stale: why the frozen copy is not the chapter as it is now.
    """

    kind: str
    shown: str
    file: str
    line: int | None
    heading: str
    expression: str
    runs: tuple[str, ...]
    source: str = ""
    stale: str = ""
