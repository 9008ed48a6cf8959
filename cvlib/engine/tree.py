"""Pandoc's syntax tree as plain JSON: a walk that rewrites, and makers of its elements.

An element is `{"t": tag, "c": content}` as `pandoc -t json` prints it
(https://hackage.haskell.org/package/pandoc-types). Two tags are our own and live only between
reading and writing: `Float` (a numbered figure or table) and `Panel` (a grid without a number).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from cvlib.engine import pandoc

# Text without markdown in it needs no call of pandoc.
_NO_MARKUP = re.compile(r"(?!.*(--|\.\.\.))[^\W\d_][\w ,.;:()%±×/+=?!&–—-]*", re.UNICODE)

Element = dict[str, Any]
Visit = Callable[[Element], "list[Element] | None"]


def transform(elements: list[Element], visit: Visit) -> list[Element]:
    """Rewrite a list of elements from the top down.

    `visit` returns None to keep an element and go on inside it, or the elements that take its
    place, which are not visited again.
    """
    out: list[Element] = []
    for element in elements:
        replaced = visit(element)
        if replaced is None:
            out.append({key: _inside(value, visit) for key, value in element.items()})
        else:
            out.extend(replaced)
    return out


def _inside(value: Any, visit: Visit) -> Any:
    if isinstance(value, list):
        if any(isinstance(item, dict) and "t" in item for item in value):
            # a mixed list ([level, attr, inlines] never mixes; Math has [type, text])
            out: list[Any] = []
            for item in value:
                if isinstance(item, dict) and "t" in item:
                    out.extend(transform([item], visit))
                else:
                    out.append(_inside(item, visit))
            return out
        return [_inside(item, visit) for item in value]
    if isinstance(value, dict):
        return {key: _inside(item, visit) for key, item in value.items()}
    return value


def elements_in(value: Any) -> Iterator[Element]:
    """Yield every element inside `value`, each before what it contains."""
    if isinstance(value, list):
        for item in value:
            yield from elements_in(item)
    elif isinstance(value, dict):
        if "t" in value:
            yield value
        for item in value.values():
            if isinstance(item, list | dict):
                yield from elements_in(item)


def text_of(value: Any) -> str:
    """Return the plain text of inlines or blocks."""
    parts: list[str] = []

    def collect(item: Any) -> None:
        if isinstance(item, list):
            for each in item:
                collect(each)
        elif isinstance(item, dict):
            tag = item.get("t")
            if tag == "Str":
                parts.append(item["c"])
            elif tag in ("Space", "SoftBreak", "LineBreak"):
                parts.append(" ")
            elif tag in ("Code", "Math", "CodeBlock"):
                parts.append(item["c"][1])
            elif tag == "Note" or tag in ("RawInline", "RawBlock"):
                return
            elif tag == "Quoted":
                mark = "'" if item["c"][0]["t"] == "SingleQuote" else '"'
                parts.append(mark)
                collect(item["c"][1])
                parts.append(mark)
            elif tag == "Cite":
                collect(item["c"][1])
            elif "c" in item:
                collect(item["c"])

    collect(value)
    return "".join(parts).strip()


def attr(
    identifier: str = "", classes: tuple[str, ...] = (), **pairs: str
) -> list[Any]:  # pandoc's Attr triple
    """Make pandoc's attribute triple; `_` in a key stands for `-`."""
    return [identifier, list(classes), [[k.replace("_", "-"), v] for k, v in pairs.items()]]


def pairs(attributes: list[Any]) -> dict[str, str]:
    """Return the key-value part of an attribute triple."""
    return dict(attributes[2])


def string(text: str) -> Element:
    """Make a Str."""
    return {"t": "Str", "c": text}


SPACE: Element = {"t": "Space"}


def words(text: str) -> list[Element]:
    """Make Str and Space inlines of plain text."""
    out: list[Element] = []
    for index, word in enumerate(text.split(" ")):
        if index:
            out.append(SPACE)
        if word:
            out.append(string(word))
    return out


def para(inlines: list[Element]) -> Element:
    """Make a Para."""
    return {"t": "Para", "c": inlines}


def plain(inlines: list[Element]) -> Element:
    """Make a Plain."""
    return {"t": "Plain", "c": inlines}


def header(level: int, inlines: list[Element], attributes: list[Any] | None = None) -> Element:
    """Make a Header."""
    return {"t": "Header", "c": [level, attributes or attr(), inlines]}


def div(blocks: list[Element], attributes: list[Any]) -> Element:
    """Make a Div."""
    return {"t": "Div", "c": [attributes, blocks]}


def span(inlines: list[Element], attributes: list[Any]) -> Element:
    """Make a Span."""
    return {"t": "Span", "c": [attributes, inlines]}


def link(inlines: list[Element], target: str, *classes: str) -> Element:
    """Make a Link."""
    return {"t": "Link", "c": [attr("", classes), inlines, [target, ""]]}


def strong(inlines: list[Element]) -> Element:
    """Make a Strong."""
    return {"t": "Strong", "c": inlines}


def raw_block(form: str, text: str) -> Element:
    """Make a RawBlock for one output format."""
    return {"t": "RawBlock", "c": [form, text]}


def raw(form: str, text: str) -> Element:
    """Make a RawInline for one output format."""
    return {"t": "RawInline", "c": [form, text]}


def parse_inlines(text: str) -> list[Element]:
    """Parse one paragraph of markdown to inlines."""
    text = " ".join(text.split())
    if not text:
        return []
    if _NO_MARKUP.fullmatch(text) and "_" not in text:
        return words(text)
    blocks = pandoc.read(text)["blocks"]
    if len(blocks) == 1 and blocks[0]["t"] in ("Para", "Plain"):
        return list(blocks[0]["c"])
    return words(text)
