"""Pandoc's syntax tree as plain JSON: a walk that rewrites, and a maker of elements.

An element is `{"t": tag, "c": content}` as `pandoc -t json` prints it
(https://hackage.haskell.org/package/pandoc-types). Four tags are our own and live only between
reading and writing: `Callout`, `Equation`, `Float` (a numbered figure or table) and `Panel` (a grid
without a number).
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
            out.append({key: inside(value, visit) for key, value in element.items()})
        else:
            out.extend(replaced)
    return out


def inside(value: Any, visit: Visit) -> Any:
    """Rewrite the elements that an element's content holds, however deep."""
    if isinstance(value, list):
        out: list[Any] = []
        for item in value:
            if isinstance(item, dict) and "t" in item:
                out.extend(transform([item], visit))
            else:
                out.append(inside(item, visit))
        return out
    if isinstance(value, dict):
        return {key: inside(item, visit) for key, item in value.items()}
    return value


def elements_in(
    value: Any, outermost: Callable[[Element], object] = lambda _: False
) -> Iterator[Element]:
    """Yield every element inside `value`, each before what it contains; inside of `outermost` none."""
    if isinstance(value, dict) and "t" in value:
        yield value
        if outermost(value):
            return
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, dict | list):
            yield from elements_in(item, outermost)


def text_of(value: Any) -> str:
    """Return the plain text of inlines or blocks."""

    def parts(item: Any) -> Iterator[str]:
        if isinstance(item, list):
            for each in item:
                yield from parts(each)
        elif isinstance(item, dict):
            tag = item.get("t")
            if tag == "Str":
                yield item["c"]
            elif tag in ("Space", "SoftBreak", "LineBreak"):
                yield " "
            elif tag in ("Code", "Math", "CodeBlock"):
                yield item["c"][1]
            elif tag == "Quoted":
                mark = "'" if item["c"][0]["t"] == "SingleQuote" else '"'
                yield from (mark, *parts(item["c"][1]), mark)
            elif tag == "Cite":
                yield from parts(item["c"][1])
            elif "c" in item and tag not in ("Note", "RawInline", "RawBlock"):
                yield from parts(item["c"])

    return "".join(parts(value)).strip()


def as_read(markdown: str) -> str:
    """Return the plain text of short markdown, such as a book's title."""
    return text_of(parse_inlines(markdown))


def parse_inlines(text: str) -> list[Element]:
    """Parse short markdown, such as a caption, to the inlines of one paragraph."""
    text = " ".join(text.split())
    if not text:
        return []
    if not _NO_MARKUP.fullmatch(text) or "_" in text:
        blocks = pandoc.read(text)["blocks"]
        if len(blocks) == 1 and blocks[0]["t"] in ("Para", "Plain"):
            return list(blocks[0]["c"])
    return words(text)


def attr(identifier: str = "", *classes: str) -> list[Any]:
    """Make pandoc's attribute triple: identifier, classes, key-value pairs."""
    return [identifier, list(classes), []]


def make(tag: str, *content: Any) -> Element:
    """Make an element; of several contents pandoc has a list, in its own order."""
    return {"t": tag, "c": content[0] if len(content) == 1 else list(content)}


SPACE: Element = {"t": "Space"}


def words(text: str) -> list[Element]:
    """Make Str and Space inlines of plain text."""
    parts = ([SPACE, make("Str", word)] if word else [SPACE] for word in text.split(" "))
    return [element for part in parts for element in part][1:]
