"""What goes to a terminal: a name is shown there, whatever it holds, and never carried out."""

from __future__ import annotations

import re

# Control characters but tab and newline, what turns the direction of writing, and what is no character
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: object) -> str:
    r"""Return `text` with every character that a terminal would carry out written as `\x1b`.

    Every message goes through here on its way out: what the verbs say in `cli`, the news of a
    training, and what a render and Quarto's hook tell.
    """
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), str(text))
