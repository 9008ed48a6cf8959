"""What stops a render, always with the place it happened."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from cvlib.errors import CvlibError


class RenderError(CvlibError):
    """A render cannot go on. The message opens with `file:line:` where there is one."""

    def __init__(self, message: str, *, file: str | None = None, line: int | None = None) -> None:
        self.file = file
        self.line = line
        self.message = message
        where = "" if file is None else f"{file}: " if line is None else f"{file}:{line}: "
        super().__init__(where + message)


class BookError(RenderError):
    """`_quarto.yml`, a profile or a chapter's header is wrong."""


class Unsupported(RenderError):
    """Valid Quarto that the embedded engine does not carry out."""


class CellFailed(RenderError):
    """A cell of a chapter raised, or its kernel died. `exception` names the class that it raised."""

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        line: int | None = None,
        exception: str | None = None,
    ) -> None:
        super().__init__(message, file=file, line=line)
        self.exception = exception


class GivenUp(RenderError):
    """Cells were stopped because their outputs are not wanted any more."""


class QuartoFailed(RenderError):
    """The real Quarto is missing, too old, or ended with an error."""


def line_of(source: str, *needles: str | re.Pattern[str]) -> int | None:
    """Return the first line (from 1) that holds one of `needles`, the earlier needle first."""
    lines = source.splitlines()
    for needle in needles:
        pattern = re.compile(re.escape(needle)) if isinstance(needle, str) else needle
        for number, line in enumerate(lines, start=1):
            if pattern.search(line):
                return number
    return None


def call_of(label: str) -> re.Pattern[str]:
    """Return what finds the call `@label`, and not that of a longer label."""
    return re.compile(r"@" + re.escape(label) + r"(?![\w-])", re.IGNORECASE)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean X?` for the nearest known word, or the words there are."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; there are: {', '.join(names)}" if names else ""
