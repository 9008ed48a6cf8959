"""What goes to a terminal: a name is shown there, whatever it holds, and never carried out."""

from __future__ import annotations

import re

# Control characters but tab and newline, what turns the direction of writing, and what is no character
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

# What a bar of progress is drawn with: back to the start, a line up, erase a line, colours, the cursor
_DRAWN = re.compile(r"(\r|\x1b\[(?:\d*[AK]|[\d;]*m|\?25[lh]))")


def drawable(text: str) -> str:
    """Return `text` as `printable` does, but for what draws bars of progress: that is carried out."""
    return "".join(
        part if _DRAWN.fullmatch(part) else printable(part) for part in _DRAWN.split(text)
    )


def printable(text: object) -> str:
    r"""Return `text` with every character that a terminal would carry out written as `\x1b`.

    Every message goes through here on its way out: what the verbs say in `cli`, the news of a
    training, and what a render and Quarto's hook tell.
    """
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), str(text))
