"""Citations: the bibliography's files for pandoc, and keys that are not in them as errors."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cvlib.engine import pandoc
from cvlib.engine.book import Book
from cvlib.engine.document import Document
from cvlib.engine.errors import call_of, nearest
from cvlib.engine.tree import Element, elements_in

BIBTEX_KEY = re.compile(r"^\s*@\w+\s*[{(]\s*([^,\s]+)\s*,", re.MULTILINE)
_MISSING = re.compile(r"citation (\S+) not found", re.IGNORECASE)


def cited_keys(document: Document) -> list[str]:
    """Return the keys that a chapter cites (references to figures and so on being resolved)."""
    return [
        citation["citationId"]
        for element in elements_in(document.blocks)
        if element["t"] == "Cite"
        for citation in element["c"][0]
    ]


def write_cited(
    book: Book,
    documents: Sequence[Document],
    blocks: list[Element],
    arguments: Sequence[str],
    metadata: dict[str, Element] | None = None,
) -> str:
    """Let pandoc write the blocks made of `documents`, citations and their list in place.

    A key that is not in the bibliography is noted of the chapters that cite it.
    """
    arguments = [*arguments]
    citing = [document for document in documents if cited_keys(document)]
    for document in () if book.bibliography else citing:
        for key in dict.fromkeys(cited_keys(document)):
            document.note(
                f"@{key} is cited, and _quarto.yml names no bibliography: add bibliography: "
                "references.bib",
                call_of(key),
            )
    if citing and book.bibliography:
        arguments += ["--citeproc", "--metadata", "link-citations=true"]
        for path in book.bibliography:
            arguments += ["--bibliography", str(path)]
        arguments += ["--csl", str(book.csl)] if book.csl is not None else []
    tree = {"pandoc-api-version": [1, 23, 1], "meta": metadata or {}, "blocks": blocks}
    text, warnings = pandoc.write(tree, arguments)
    for key in _MISSING.findall(warnings):
        for each in documents:
            if key in cited_keys(each):
                known = [
                    name
                    for path in book.bibliography
                    if path.suffix in (".bib", ".bibtex")
                    for name in BIBTEX_KEY.findall(path.read_text("utf-8", "replace"))
                ]
                each.note(
                    f"the citation @{key} is not in the bibliography{nearest(key, known)}",
                    call_of(key),
                    key,
                )
    return text
