"""What a frozen chapter says of where its values come from: the marks of `cvlib.journal.origin`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_CLOSING = re.compile(r'\]\{\.(?:value|traced)(?P<of>(?: (?:exact|runs|source)="[^"]*")*)\}')
_ATTRIBUTE = re.compile(r' (exact|runs|source)="([^"]*)"')


@dataclass(frozen=True)
class Mark:
    """A marked value at start:end of some markdown; of a table's note the value is empty.

    markdown: the value as it is written; runs: first digits of keys; source: a file that says it;
    exact: the number before it was rounded.
    """

    markdown: str
    runs: tuple[str, ...]
    source: str
    start: int
    end: int
    exact: str = ""

    @property
    def has_origin(self) -> bool:
        """Whether it names runs or a file."""
        return bool(self.runs or self.source)

    @property
    def text(self) -> str:
        """The value as it reads."""
        return as_read(self.markdown)


def marks(markdown: str) -> Iterator[Mark]:
    """Every mark, in order."""
    for found in _CLOSING.finditer(markdown):
        start = _opening(markdown, found.start())
        if start is not None:
            of = dict(_ATTRIBUTE.findall(found["of"]))
            yield Mark(
                markdown[start + 1 : found.start()],
                tuple(of.get("runs", "").split()),
                of.get("source", ""),
                start,
                found.end(),
                of.get("exact", ""),
            )


def values_in(markdown: str) -> list[Mark]:
    """The values that say where they come from, in order."""
    return [mark for mark in marks(markdown) if mark.markdown and mark.has_origin]


def traced_runs(markdown: str) -> tuple[str, ...]:
    """The runs that the tables, then the values in a piece of markdown name, each once."""
    found = sorted(marks(markdown), key=lambda mark: bool(mark.markdown))
    return tuple(dict.fromkeys(key for mark in found for key in mark.runs))


def without_marks(markdown: str, shown: Callable[[Mark], str] = lambda mark: mark.markdown) -> str:
    """The markdown with each mark replaced by what `shown` says, else by its value alone."""
    for mark in reversed(list(marks(markdown))):
        markdown = markdown[: mark.start] + shown(mark) + markdown[mark.end :]
    return markdown


def as_read(markdown: str) -> str:
    """A short piece of markdown as a reader sees it: no marks, no escapes, plain spaces."""
    text = re.sub(r"\^([^\s^]+)\^|(?<!\\)\*+", r"\1", without_marks(markdown))
    text = re.sub(r"\\+(?=[^\w\s])", "", text)
    return " ".join(text.replace("\u00a0", " ").split())


def _opening(text: str, end: int) -> int | None:
    """Where the bracket that closes at `end` opens; None when it does not."""
    depth = 0
    for place in range(end, -1, -1):
        if text[place] in "[]" and not _is_escaped(text, place):
            depth += 1 if text[place] == "]" else -1
            if depth == 0:
                return place
    return None


def _is_escaped(text: str, place: int) -> bool:
    before = text[:place]
    return (place - len(before.rstrip("\\"))) % 2 == 1
