"""Where in a chapter's source something stands, for the messages of errors."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable


def line_of(source: str, *needles: str) -> int | None:
    """Return the first line (from 1) that holds one of `needles`, the earlier needle first."""
    lines = source.splitlines()
    for needle in needles:
        for number, line in enumerate(lines, start=1):
            if needle in line:
                return number
    return None


def line_of_label(source: str, label: str) -> int | None:
    """Return the line that calls `@label`, and not one that calls a longer label."""
    pattern = re.compile(r"@" + re.escape(label) + r"(?![\w-])", re.IGNORECASE)
    for number, line in enumerate(source.splitlines(), start=1):
        if pattern.search(line):
            return number
    return None


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean X?` for the nearest known word, or the words there are."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; there are: {', '.join(names)}" if names else ""
