"""The real Quarto, where there is one; and what it freezes, read as ours.

Quarto freezes values in captions as they are written. A kernel that it started answers with one line
of JSON below each such cell (`cvlib.journal.captions`). With Quarto a filter puts the answers in their
places each time a page is made; here it is done as a frozen chapter is read.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from cvlib.engine.errors import QuartoFailed, RenderError

MINIMAL_VERSION = (1, 9)
# Tells the hook in `_extensions/journal/` that cvlib itself does what the hook would do.
UNDER_CVLIB = "CVLIB_RENDERS"
# Begins the line of JSON that answers what the captions of a cell ask for.
ANSWER = "cvlib-values: "
_SHOWN_LINES = 20
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_CELL = re.compile(r"^::: \{(?:#\S+ )?\.cell[ }]")
_ATTRIBUTE = re.compile(r"\b(?P<name>fig-alt|tbl-cap)='(?P<text>(?:\\.|[^'\\])*)'")
_NOTHING_PRINTED = re.compile(r"\n::: \{\.cell-output \.cell-output-stdout\}\n(`{3,})\n\1\n:::\n")


def find_quarto(environment: Mapping[str, str] | None = None) -> Path | None:
    """Return Quarto's path: $QUARTO if set, else what PATH has; None if there is none.

    Raises QuartoFailed if QUARTO names something that cannot be run.
    """
    environment = os.environ if environment is None else environment
    named = environment.get("QUARTO")
    found = shutil.which(named or "quarto", path=environment.get("PATH"))
    if named and not found:
        raise QuartoFailed(f"QUARTO names {named}, which cannot be run; unset it or correct it")
    return Path(found) if found else None


def check_version(quarto: Path) -> str:
    """Return Quarto's version; raises QuartoFailed if it is older than 1.9."""
    asked = subprocess.run(
        [str(quarto), "--version"], capture_output=True, text=True, check=False, timeout=60
    )
    version = asked.stdout.strip()
    numbers = re.match(r"(\d+)\.(\d+)", version)
    if asked.returncode != 0 or numbers is None:
        said = (asked.stderr or asked.stdout).strip()
        raise QuartoFailed(f"`{quarto} --version` failed (exit {asked.returncode}): {said}")
    if (int(numbers[1]), int(numbers[2])) < MINIMAL_VERSION and not version.startswith("99.9"):
        raise QuartoFailed(
            f"{quarto} is version {version}; the Typst format needs 1.9 or newer. "
            "Update Quarto, or render with --engine embedded"
        )
    return version


def run_quarto(
    quarto: Path,
    root: Path,
    *,
    file: str | None,
    to: str | None,
    profile: str | None,
    notify: Callable[[str], None],
) -> None:
    """Run `quarto render` in `root` and pass on what it says, line by line.

    `file`: one chapter, else the whole project. `to`: a format's name, else all. Cells run in this
    Python. Raises QuartoFailed with the last lines. Ctrl-C reaches Quarto as well.
    """
    command = [str(quarto), "render", *([file] if file else []), *(["--to", to] if to else [])]
    command += ["--profile", profile] if profile else []
    environment = {
        **os.environ,
        "QUARTO_PYTHON": sys.executable,
        "PYTHONHASHSEED": "0",
        UNDER_CVLIB: "1",
    }
    last: deque[str] = deque(maxlen=_SHOWN_LINES)
    with subprocess.Popen(
        command,
        cwd=root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            text = _ANSI.sub("", line).rstrip()
            if text:
                last.append(text)
                notify(text)
    if process.returncode != 0:
        raise QuartoFailed(
            f"`{' '.join(command)}` ended with exit {process.returncode}; its last lines:\n"
            + "\n".join(f"    {text}" for text in last)
        )


def with_captions_filled(markdown: str) -> str:
    """The frozen markdown with the values of its captions in place; the answers are gone."""
    if f"\n{ANSWER}" not in markdown:
        return markdown
    lines = markdown.split("\n")
    marked = enumerate(zip(lines, _are_code(lines), strict=True))
    opened = [at for at, (line, is_code) in marked if _CELL.match(line) and not is_code]
    # the prose behind a cell has no expression left
    parts = [lines[start:end] for start, end in pairwise([0, *opened, len(lines)])]
    return "\n".join(line for part in parts for line in _filled(part))


def _are_code(lines: list[str]) -> list[bool]:
    """Of each line whether it is of a code block."""
    found, ticks = [], ""
    for line in lines:
        opened = re.match(r"`{3,}", line)
        found.append(bool(ticks or opened))
        if ticks:
            ticks = "" if re.fullmatch(rf"{ticks}`*\s*", line) else ticks
        elif opened:
            ticks = opened[0]
    return found


def _filled(cell: list[str]) -> list[str]:
    """A cell, and what follows it, without its answers; what was printed besides them stays."""
    from cvlib.engine.execute import fill_caption

    values: dict[str, Mapping[str, Any]] = {}
    for answer in (line for line in cell if line.startswith(ANSWER)):
        for expression, data in json.loads(answer[len(ANSWER) :]).items():
            if "error" in data:
                raise RenderError(f"the value `{expression}` in a caption failed: {data['error']}")
            values[expression] = data
    if not values:
        return cell

    def attribute(found: re.Match[str]) -> str:
        text = fill_caption(found["name"], found["text"].replace("\\'", "'"), values)
        return f"{found['name']}='" + text.replace("'", "\\'") + "'"

    printed = "\n".join(line for line in cell if not line.startswith(ANSWER))
    kept = _NOTHING_PRINTED.sub("", printed).split("\n")
    return [
        # what stands in an attribute has no expression left when the rest is looked at
        line if is_code else fill_caption("fig-cap", _ATTRIBUTE.sub(attribute, line), values)
        for line, is_code in zip(kept, _are_code(kept), strict=True)
    ]
