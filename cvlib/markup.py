"""A person's text in Markdown: it reads there letter by letter, whatever it holds.

The other outputs have their one way each: HTML `html.escape`, Typst the writer of
`cvlib.engine.typst` (in Quarto's renders `journal.lua`), figures `text.parse_math` off in
`cvlib.journal.figure`, a terminal `cvlib.terminal.printable`, MongoDB `$literal` in
`cvlib.dashboard.dataset`.
"""

from __future__ import annotations

import re

from cvlib.terminal import printable

_LINES = re.compile(r"[ \t]*[\t\n\u2028\u2029][ \t\n\u2028\u2029]*")
# of pandoc's Markdown and Quarto's: links, spans, shortcodes, citations, math, HTML, entities, quotes
_ALWAYS = r"[\\`*_{}\[\]<>|#$^~@&!'\"]"
# dashes, dots and addresses that would be made into something else
_JOINED = r"-(?=-)|(?<=-)-|\.(?=\.)|(?<=\.)\.|:(?=\S)"
# what begins a list, a definition or a block where a line begins; so does a number or letter with a dot
_LEADING = r"^[-+:=%(]"
_SPECIAL = re.compile(f"{_ALWAYS}|{_JOINED}|{_LEADING}")
_NUMBERED = re.compile(r"^(\w+)([.)])(?=\s|$)")


def markdown(text: str) -> str:
    """Plain text as Markdown, for pandoc and Quarto, that reads the same: on one line, no markup."""
    line = _LINES.sub(" ", printable(text))
    return _NUMBERED.sub(r"\1\\\2", _SPECIAL.sub(r"\\\g<0>", line))
