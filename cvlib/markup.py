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
# of pandoc's Markdown and Quarto's: links, spans, shortcodes, citations, math, HTML, entities; what begins
# a list, a title block or a definition where a line begins; addresses
_MARKUP = r"[\\`*_{}\[\]<>|#$^~@&!]|^[-+:](?=\s|$)|^[:=](?=[:=])|^%|^\((?=\w+\))|:(?=//)|(?<=www)\."
# quotes, dashes and dots that a sentence should have set, and a name should not
_TYPOGRAPHY = r"|['\"]|-(?=-)|(?<=-)-|\.(?=\.)|(?<=\.)\."
_NAME, _PROSE = re.compile(_MARKUP + _TYPOGRAPHY), re.compile(_MARKUP)
_NUMBERED = re.compile(r"^(\w+)([.)])(?=\s|$)")


def markdown(text: str, *, prose: bool = False) -> str:
    """Plain text as Markdown, for pandoc and Quarto, that reads the same: on one line, no markup.

    prose: sentences, whose quotes and dashes are set as a text's are.
    """
    line = _LINES.sub(" ", printable(text))
    return _NUMBERED.sub(r"\1\\\2", (_PROSE if prose else _NAME).sub(r"\\\g<0>", line))
