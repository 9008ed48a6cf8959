"""An HTML page as lines of text: one a block element, with the attributes that mean something."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from html.parser import HTMLParser

VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
# Part of the line they stand in; every other element begins a line of its own.
INLINE = {"a", "abbr", "b", "br", "cite", "code", "em", "i", "img", "kbd", "math", "q", "small"}
INLINE |= {"span", "strong", "sub", "sup", "wbr"}
MARKS = {"em": "*", "strong": "**", "code": "`", "sub": "~", "sup": "^"}
NO_BREAK = "⍽"
UNSEEN = {"style", "colgroup", "col"}
ROWS = {"tr", "td", "th"}  # said even when empty, so that a cell that moves is seen
# Looks, not meaning; and the widths of columns, which pandoc chooses.
LEFT_OUT = {"style", "tabindex", "charset", "xmlns", "width", "height", "align"}


def page_lines(html: str) -> str:
    """Visible text and structure of a page.

    An element: `tag#id.class attribute="value": text`. Inline, a link is `[text](href)`, a picture
    `![alt](src)`, and a span with attributes `{text}<attributes>`. Pictures in the page are named
    by a digest of their pixels, because the bytes depend on the version of zlib.
    """
    reader = _Page()
    reader.feed(html)
    reader.close()
    reader.flush()
    return "\n".join(reader.lines) + "\n"


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[str] = []
        self.label = ""
        self.bare = True  # the label has no attribute: not worth a line without text
        self.text: list[str] = []
        self.closing: list[
            tuple[str, str]
        ] = []  # of inline elements: tag, what to write at its end
        self.hidden = 0
        self.verbatim = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self.hidden or tag in UNSEEN:
            self.hidden += tag not in VOID
            return
        given = {name: value or "" for name, value in attrs if name not in LEFT_OUT}
        if tag in INLINE:
            self._inline(tag, given)
            return
        self.flush()
        self.verbatim += tag == "pre"
        self.label = tag + _named(given)
        self.bare = not given
        if tag in VOID or tag == "script":
            self.flush()

    def handle_endtag(self, tag: str) -> None:
        if self.hidden:
            self.hidden -= tag not in VOID
        elif tag in INLINE:
            if self.closing and self.closing[-1][0] == tag:
                self.text.append(self.closing.pop()[1])
        else:
            self.flush()
            self.verbatim -= tag == "pre"

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.text.append(data)

    def flush(self) -> None:
        text = "".join(self.text)
        shown = text.rstrip().split("\n") if self.verbatim else [_spaced(text)]
        if any(shown):
            self.lines += [f"{self.label or '...'}: {line}".rstrip() for line in shown]
        elif self.label and (not self.bare or self.label in ROWS):
            self.lines.append(self.label)
        self.label, self.text = "", []

    def _inline(self, tag: str, given: dict[str, str]) -> None:
        if tag == "img":
            alt, source = given.pop("alt", "<no alt>"), _source(given.pop("src", ""))
            self.text.append(f"![{alt}]({source}){_braced(given)}")
        elif tag in VOID:
            self.text.append("⏎" if tag == "br" else "")
        elif self.verbatim:  # the highlighter's spans and line anchors
            self.closing.append((tag, ""))
        elif tag == "a":
            self.text.append("[")
            self.closing.append((tag, f"]({given.pop('href', '')}){_braced(given)}"))
        elif tag in MARKS and not given:
            self.text.append(MARKS[tag])
            self.closing.append((tag, MARKS[tag]))
        else:
            self.text.append("{" if given else "")
            self.closing.append((tag, f"}}{_braced(given)}" if given else ""))


def _spaced(text: str) -> str:
    """White space as a browser has it; a space that does not break is made visible."""
    return re.sub(r"[ \t\r\n]+", " ", text).strip(" ").replace("\u00a0", NO_BREAK)


def _named(given: dict[str, str]) -> str:
    rest = dict(given)
    name = f"#{rest.pop('id')}" if rest.get("id") else ""
    name += "".join(f".{one}" for one in rest.pop("class", "").split())
    return name + "".join(
        f' {key}="{_source(value)}"' if value else f" {key}" for key, value in rest.items()
    )


def _braced(given: dict[str, str]) -> str:
    return f"<{_named(given).strip()}>" if given else ""


def _source(value: str) -> str:
    if not value.startswith("data:image/"):
        return value
    kind, _, content = value.partition(";base64,")
    data = base64.b64decode(content)
    if kind == "data:image/svg+xml":
        return f"{kind} {hashlib.sha256(data).hexdigest()[:12]}"
    from PIL import Image

    with Image.open(io.BytesIO(data)) as picture:
        pixels = picture.convert("RGBA")
        digest = hashlib.sha256(pixels.tobytes()).hexdigest()[:12]
        return f"{kind} {pixels.width}x{pixels.height} {digest}"
