"""A chapter's text without its code, every place in it traced to file and line."""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cvlib.engine.chapter import Line, read_chapter

_FENCE = re.compile(r"^[ \t]*(?P<ticks>`{3,}|~{3,})[^\n]*\n(?:.*?\n)??[ \t]*(?P=ticks)[`~]*[ \t]*$",
                    re.MULTILINE | re.DOTALL)  # fmt: skip
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_HEADER = re.compile(r"\A---[ \t]*\n.*?\n---[ \t]*$", re.MULTILINE | re.DOTALL)
_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)")
_LINK_TARGET = re.compile(r"(?<=\]\()[^()\s]+|<https?:[^>\s]+>|https?://[^\s)>\]]+")


def without_blocks(text: str) -> str:
    """Blank out fenced code, comments and a YAML header; every other character keeps its place."""
    for pattern in (_HEADER, _FENCE, _COMMENT):
        text = pattern.sub(_blank, text)
    return text


def without_code(text: str) -> str:
    """Blank out code in running text, too, and the targets of links."""
    return _LINK_TARGET.sub(_blank, _CODE_SPAN.sub(_blank, text))


def _blank(found: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", found[0])


@dataclass(frozen=True)
class Prose:
    """The source of one chapter with what it includes."""

    file: str
    lines: tuple[Line, ...]

    @cached_property
    def source(self) -> str:
        """All lines, as written."""
        return "\n".join(line.text for line in self.lines)

    @cached_property
    def text(self) -> str:
        """The source without code blocks, comments and header, of the same length."""
        return without_blocks(self.source)

    @cached_property
    def _starts(self) -> list[int]:
        starts, position = [], 0
        for line in self.lines:
            starts.append(position)
            position += len(line.text) + 1
        return starts

    def place(self, offset: int) -> tuple[str, int]:
        """Return file and line of the character at `offset` of the text."""
        line = self.lines[bisect.bisect_right(self._starts, offset) - 1]
        return line.file, line.number

    def find(self, pattern: str) -> tuple[str, int | None]:
        """Return file and line of the first match of a regular expression; without line if none."""
        found = re.search(pattern, self.source)
        return self.place(found.start()) if found else (self.file, None)


def read_prose(root: Path, file: str) -> Prose:
    """Read a chapter; raises ProjectError for an included file that is not there."""
    return Prose(file, read_chapter(root, file).lines)
