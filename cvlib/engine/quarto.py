"""The real Quarto, where there is one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

from cvlib.engine.errors import QuartoFailed

MINIMAL_VERSION = (1, 9)
# Tells the hook in `_extensions/journal/` that cvlib itself does what the hook would do.
UNDER_CVLIB = "CVLIB_RENDERS"
_SHOWN_LINES = 20
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


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
