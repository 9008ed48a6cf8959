"""What the search box looks through: every section of the book, and every figure and table.

Written as a script that sets `journalIndex`, not as JSON: a page that was opened as a file, by a
double click, may load scripts and nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from cvlib.engine.document import Document
from cvlib.engine.tree import Element, elements_in, make, text_of, transform

SEARCH_INDEX = "assets/search-index.js"
_SPACE_BEFORE = re.compile(r" +(?=[,.;:)])")  # left by a citation that was dropped


def search_index(documents: Sequence[Document], titles: Mapping[str, str]) -> str:
    """Return the script for chapters whose headings and floats are numbered, their calls resolved.

    titles: what figures and tables are called.
    """
    places = [place for document in documents for place in _places(document, titles)]
    lines = [json.dumps(place, ensure_ascii=False) for place in places]
    return "window.journalIndex = [\n" + ",\n".join(lines) + "\n];\n"


def _places(document: Document, titles: Mapping[str, str]) -> list[dict[str, str]]:
    """What can be found. `page` is relative to the output folder; `anchor` may be ""."""
    sections: list[dict[str, str]] = []
    floats: list[dict[str, str]] = []

    def place(anchor: str, number: str, title: str, text: str = "") -> dict[str, str]:
        where = {"page": document.page, "anchor": anchor, "number": number, "title": title}
        return {**where, "chapter": document.title_text, "text": text}

    for element in elements_in(transform(document.blocks, _read)):
        tag, words = element["t"], ""
        if tag == "Header":
            _, (identifier, *_), inlines = element["c"]
            sections.append(place(identifier, element.get("number", ""), text_of(inlines)))
        elif tag in ("Para", "Plain"):
            words = text_of(element["c"])
        elif tag == "Float":
            words = text_of(element["caption"])
            if element["id"]:
                title = f"{titles[element['kind']]} {element['number']}"
                floats.append(place(element["id"], "", title, words))
        elif tag == "Callout":
            words = text_of(element["title"])
        if words:
            sections[-1]["text"] += words + " "
    for section in sections:
        section["text"] = _SPACE_BEFORE.sub("", " ".join(section["text"].split()))
    return [*sections, *floats]


def _read(element: Element) -> list[Element] | None:
    """Without code and notes, and without citations, whose keys are no words of the report."""
    if element["t"] == "DefinitionList":
        pairs = [(make("Plain", term), make("Div", [], meaning)) for term, meaning in element["c"]]
        return transform([each for pair in pairs for each in pair], _read)
    return [] if element["t"] in ("Cite", "CodeBlock", "RawBlock", "Note") else None
