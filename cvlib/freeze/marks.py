"""What a frozen chapter says of where its values come from: the marks of `cvlib.journal.origin`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_VALUE = re.compile(r'\]\{\.value(?P<of>(?: (?:runs|source)="[^"]*")+)\}')
_TRACED = re.compile(r'\[\]\{\.traced runs="([^"]*)"\}')
_RUNS = re.compile(r' runs="([^"]*)"')
_SOURCE = re.compile(r' source="([^"]*)"')
_HEADING = re.compile(r"^#{1,6} +(?P<text>.*?)(?: +\{[^{}]*\})? *$")


@dataclass(frozen=True)
class ValueMark:
    """A value in the frozen markdown, at start:end. text: as it reads; runs: first digits of keys."""

    text: str
    runs: tuple[str, ...]
    source: str
    start: int
    end: int


def value_marks(markdown: str) -> Iterator[ValueMark]:
    """Every value with its origin, in order."""
    for found in _VALUE.finditer(markdown):
        start = _opening(markdown, found.start())
        if start is not None:
            yield ValueMark(
                as_read(markdown[start + 1 : found.start()]),
                _names(_RUNS, found["of"]),
                " ".join(_names(_SOURCE, found["of"])),
                start,
                found.end(),
            )


def traced_runs(markdown: str) -> tuple[str, ...]:
    """The runs that the tables and the values in a piece of markdown name, each once."""
    keys = [key for found in _TRACED.findall(markdown) for key in found.split()]
    keys += [key for mark in value_marks(markdown) for key in mark.runs]
    return tuple(dict.fromkeys(keys))


def as_read(markdown: str) -> str:
    """A short piece of markdown as a reader sees it: no marks, no escapes, plain spaces."""
    text = markdown
    for mark in reversed(list(value_marks(text))):
        text = text[: mark.start] + mark.text + text[mark.end :]
    text = _TRACED.sub("", text)
    text = re.sub(r"\^([^\s^]+)\^|(?<!\\)\*+", r"\1", text)
    text = re.sub(r"\\+(?=[^\w\s])", "", text)
    return " ".join(text.replace("\u00a0", " ").split())


def headings(markdown: str) -> Iterator[tuple[int, str]]:
    """Position and text of every heading outside code."""
    position, ticks = 0, ""
    for line in markdown.split("\n"):
        fence = re.match(r"`{3,}|~{3,}", line)
        if ticks:
            ticks = "" if fence and line.strip() == fence.group(0) >= ticks else ticks
        elif fence:
            ticks = fence.group(0)
        elif found := _HEADING.match(line):
            yield position, as_read(found["text"])
        position += len(line) + 1


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
    before = place
    while before and text[before - 1] == "\\":
        before -= 1
    return (place - before) % 2 == 1


def _names(pattern: re.Pattern[str], attributes: str) -> tuple[str, ...]:
    found = pattern.search(attributes)
    return tuple(found.group(1).split(" ")) if found else ()
