"""What the search box looks through: every section of the book, and every figure and table.

Written as a script that sets `journalIndex`, not as JSON: a page that was opened as a file, by a
double click, may load scripts and nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cvlib.engine.document import Document
from cvlib.engine.tree import Element, text_of, transform

SEARCH_INDEX = "assets/search-index.js"
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
    places = [place for document in documents for place in _places(document, titles)]
    lines = [json.dumps(asdict(place), ensure_ascii=False) for place in places]
    return "window.journalIndex = [\n" + ",\n".join(lines) + "\n];\n"


def _places(document: Document, titles: Mapping[str, str]) -> list[Place]:
    sections: list[Place] = []
    floats: list[Place] = []

    def read(value: Any) -> None:
        if isinstance(value, list):
            for item in value:
                read(item)
        if not isinstance(value, dict):
            return
        tag = value.get("t")
        if tag == "Header":
            _, attributes, inlines = value["c"]
            place = (document.page, attributes[0], value.get("number", ""), _words(inlines))
            sections.append(Place(*place, document.title_text, ""))
        elif tag in ("Para", "Plain"):
            sections[-1].text += _words(value["c"]) + " "
        elif tag == "Float":
            caption = _words(value["caption"])
            if value["id"]:
                title = f"{titles[value['kind']]} {value['number']}"
                place = (document.page, value["id"], "", title)
                floats.append(Place(*place, document.title_text, caption))
            sections[-1].text += caption + " "
            read(value["content"])
        elif tag == "Callout":
            sections[-1].text += _words(value["title"]) + " "
            read(value["content"])
        elif tag == "Panel":
            read(value["content"])
        elif tag == "DefinitionList":
            for term, definitions in value["c"]:
                sections[-1].text += _words(term) + " "
                read(definitions)
        elif tag not in ("CodeBlock", "RawBlock"):
            read(value.get("c"))

    read(document.blocks)
    for place in sections:
        place.text = _SPACE_BEFORE.sub("", " ".join(place.text.split()))
    return [*sections, *floats]


def _words(inlines: list[Element]) -> str:
    """Plain text without citations, whose keys are no words of the report."""
    return text_of(transform(inlines, lambda element: [] if element["t"] == "Cite" else None))
