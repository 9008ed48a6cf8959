"""What a chapter's freshness is decided on, read without asking whether our engine could render it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cvlib.engine.include import read_lines

# Diagrams and Observable are drawn in the browser or by Quarto, and nothing is executed for them.
_CELL = re.compile(r"^(?:`{3,}|~{3,})\s*\{(?!mermaid|dot\b|ojs\b)\w", re.MULTILINE)
_HEADER = re.compile(r"\A---[ \t]*\n(.*?)^---[ \t]*$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class ChapterSource:
    """A chapter as it lies on disk. file: relative to the project.

    text: with what it includes in place; hash: Quarto's, of the file alone; header: its YAML header.
    """

    file: str
    hash: str
    text: str
    included: tuple[str, ...]
    header: dict[str, Any]

    @property
    def executes(self) -> bool:
        """Whether Quarto's Jupyter engine would run it: it has a cell, or names `jupyter`."""
        return "jupyter" in self.header or bool(_CELL.search(self.text))

    @property
    def freeze(self) -> Any:
        """What its own header says of freezing, None where it says nothing."""
        execute = self.header.get("execute")
        return execute.get("freeze") if isinstance(execute, dict) else None


def read_source(root: Path, file: str) -> ChapterSource:
    """Read a chapter; raises ProjectError for an included file that is not there."""
    from cvlib.engine.chapter import text_hash

    raw = (root / file).read_bytes().decode("utf-8-sig")
    lines, included = read_lines(root, file, raw)
    text = "\n".join(line.text for line in lines)
    return ChapterSource(file, text_hash(raw), text, included, _header(text))


def _header(text: str) -> dict[str, Any]:
    found = _HEADER.match(text)
    if not found:
        return {}
    try:
        header = yaml.safe_load(found[1])
    except yaml.YAMLError:
        return {}  # Quarto, or our engine, will say it with its line
    return header if isinstance(header, dict) else {}
