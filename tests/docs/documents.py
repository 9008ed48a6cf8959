"""The project's documents, and the code blocks in them."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from typer.main import get_command

from cvlib.cli import app

ROOT = Path(__file__).parents[2]
README = "README.md"
TEMPLATE = "cvlib/starting/templates/project/README.md"  # of a project that `cvlib init` makes
# Not CHANGELOG.md: what it names was so then.
DOCUMENTS = (
    README,
    "CONTRIBUTING.md",
    TEMPLATE,
    *sorted(p.relative_to(ROOT).as_posix() for p in (ROOT / "docs").rglob("*.md")),
)
_BLOCK = re.compile(
    r"^(?P<fence>`{3,})(?P<language>\w*)[^\n]*\n(?P<text>.*?)^(?P=fence)\s*$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A fenced block. line: of its first line of code."""

    document: str
    line: int
    language: str
    text: str


def read(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def blocks(document: str, language: str) -> list[Block]:
    """The blocks of a language, from top to bottom; a block inside a longer fence is none."""
    text = read(document)
    return [
        Block(document, text.count("\n", 0, match.start("text")) + 1, language, match["text"])
        for match in _BLOCK.finditer(text)
        if match["language"] == language
    ]


def commands(document: str) -> list[str]:
    """The command lines of all bash blocks, without comments; blanks are single."""
    lines = []
    for block in blocks(document, "bash"):
        for line in block.text.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True, posix=False)
            if words:
                lines.append(" ".join(words))
    return lines


def _verbs(group, before=""):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _verbs(command, f"{name} ")
        else:
            yield before + name, command


VERBS = dict(_verbs(get_command(app)))  # as `status` and `weights list`
