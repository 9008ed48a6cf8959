"""What stops a render, always with the place it happened."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from cvlib.errors import CvlibError

_MOST_TOLD = 50


class RenderError(CvlibError):
    """A render cannot go on. The message opens with `file:line:` where there is one.

    what: the name of what is missing, or of the class that a cell raised.
    """

    def __init__(
        self, message: str, *, file: str | None = None, line: int | None = None, what: str = ""
    ) -> None:
        self.file, self.line, self.message, self.what = file, line, message, what
        self.all: tuple[RenderError, ...] = (self,)  # of several that are raised as one
        where = "" if file is None else f"{file}: " if line is None else f"{file}:{line}: "
        super().__init__(where + message)


class BookError(RenderError):
    """`_quarto.yml`, a profile or a chapter's header is wrong."""


class Unsupported(RenderError):
    """Valid Quarto that the embedded engine does not carry out."""


class CellFailed(RenderError):
    """A cell of a chapter raised, or its kernel died."""


class Missing(RenderError):
    """Something is called by a name that nothing has; running a cell might make it."""


class GivenUp(RenderError):
    """Cells were stopped because their outputs are not wanted any more."""


class QuartoFailed(RenderError):
    """The real Quarto is missing, too old, or ended with an error."""


def all_of(problems: Iterable[RenderError]) -> RenderError:
    """Return one error that tells all of these, file by file, each once and in the order of lines."""
    found = {str(each): each for problem in problems for each in problem.all}
    files = list(dict.fromkeys(each.file for each in found.values()))
    ordered = sorted(found.values(), key=lambda each: (files.index(each.file), each.line or 0))
    first, *others = ordered
    if not others:
        return first
    left_out = [f"… and {len(others) - _MOST_TOLD} more"] if len(others) > _MOST_TOLD else []
    told = [*map(str, others[:_MOST_TOLD]), *left_out]
    together = type(first).__new__(type(first))
    together.__dict__.update(first.__dict__)
    together.message = "\n".join([first.message, *told])
    together.args = ("\n".join([str(first), *told]),)
    together.all = tuple(ordered)
    return together


def raise_all(problems: Iterable[RenderError]) -> None:
    """Raise them as one; nothing happens where there is none."""
    if found := list(problems):
        raise all_of(found)


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
