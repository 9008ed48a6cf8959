"""What the search box looks through: every section of the book, and every figure and table.

Written as a script that sets `journalIndex`, not as JSON: a page that was opened as a file, by a
double click, may load scripts and nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from cvlib.engine.document import Document
from cvlib.engine.tree import Element, text_of, transform

FILE = "assets/search-index.js"
_SPACE_BEFORE = re.compile(r" +(?=[,.;:)])")  # left by a citation that was dropped


@dataclass
class Place:
    """Something that can be found. `page` is relative to the output folder; `anchor` may be ""."""

    page: str
    anchor: str
    number: str
    title: str
    chapter: str
    text: str


def search_index(documents: Sequence[Document], titles: Mapping[str, str]) -> str:
    """Return the script for chapters whose headings and floats are numbered, their calls resolved.

    titles: what figures and tables are called.
    """
    lines = [
        json.dumps(asdict(place), ensure_ascii=False)
        for document in documents
        for place in _places(document, titles)
    ]
    return "window.journalIndex = [\n" + ",\n".join(lines) + "\n];\n"


def _places(document: Document, titles: Mapping[str, str]) -> list[Place]:
    places: list[Place] = []
    floats: list[Place] = []
    name = document.title_text

    def visit(element: Element) -> None:
        tag = element.get("t")
        if tag == "Header":
            _, attributes, inlines = element["c"]
            number = element.get("number", "")
            title = _words(inlines)
            places.append(Place(document.page, attributes[0], number, title, name, ""))
        elif tag in ("Para", "Plain"):
            places[-1].text += _words(element["c"]) + " "
        elif tag == "Float":
            caption = _words(element["caption"])
            title = f"{titles[element['kind']]} {element['number']}"
            if element["id"]:
                floats.append(Place(document.page, element["id"], "", title, name, caption))
            places[-1].text += caption + " "
            inside(element["content"])
        elif tag == "Callout":
            places[-1].text += _words(element["title"]) + " "
            inside(element["content"])
        elif tag == "Panel":
            inside(element["content"])
        elif tag == "DefinitionList":
            for term, definitions in element["c"]:
                places[-1].text += _words(term) + " "
                inside(definitions)
        elif tag not in ("CodeBlock", "RawBlock") and "c" in element:
            inside(element["c"])

    def inside(value: object) -> None:
        if isinstance(value, list):
            for item in value:
                inside(item)
        elif isinstance(value, dict):
            visit(value)

    inside(document.blocks)
    for place in places:
        place.text = _SPACE_BEFORE.sub("", re.sub(r"\s+", " ", place.text)).strip()
    return [*places, *floats]


def _words(inlines: list[Element]) -> str:
    """Plain text without citations, whose keys are no words of the report."""

    def drop(element: Element) -> list[Element] | None:
        return [] if element["t"] == "Cite" else None

    return text_of(transform(inlines, drop))
