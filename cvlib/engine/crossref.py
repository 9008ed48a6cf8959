"""Numbers of headings, figures, tables and equations through the whole report, and what calls them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from string import ascii_lowercase
from typing import Any

from cvlib.engine.document import Document, OutputFormat
from cvlib.engine.errors import Missing, RenderError, Unsupported, call_of, nearest
from cvlib.engine.floats import panels_of
from cvlib.engine.tree import SPACE, Element, attr, elements_in, make, text_of, transform, words

_REFERENCE = re.compile(r"(?P<kind>fig|tbl|sec|eq)-.+", re.IGNORECASE)
_QUARTO_REFERENCE = re.compile(
    r"(lst|thm|lem|cor|prp|cnj|def|exm|exr|alg|nte|tip|wrn|imp|cau|vid)-.+"
)
_PREFIXES = {"fig": "Figure", "tbl": "Table", "sec": "Section", "eq": "Equation"}

# "EXP02: Receptive field" is called "EXP02": capitals, digits, then a colon or a dash.
# The PDF's template has the same rule (short-label in definitions.typ).
_SHORT_LABEL = re.compile(r"([A-Z]{2,}[0-9]+)\s*[:–—]")


@dataclass(frozen=True)
class Heading:
    """A heading of a chapter, at its level in the whole report; `number` is "" if it has none."""

    level: int
    number: str
    identifier: str
    title: str


@dataclass(frozen=True)
class Labelled:
    """Something that can be called by its label. title: of a section."""

    kind: str
    number: str
    document: Document
    title: str = ""


class Index:
    """All labels of a report; making it numbers what carries a number, in order.

    Header, Float and Equation elements are given their `number`; the documents their headings.
    """

    def __init__(self, documents: Sequence[Document]) -> None:
        self.labels: dict[str, Labelled] = {}
        _number_headings(documents)
        counts = {"fig": 0, "tbl": 0, "eq": 0}
        for document in documents:
            for heading in document.headings:
                if heading.identifier.startswith("sec-"):
                    section = Labelled("sec", heading.number, document, heading.title)
                    self._add(heading.identifier, section)
            # the panels inside a float are counted by its letters
            for element in filter(_is_numbered, elements_in(document.blocks, _is_numbered)):
                kind = element.get("kind", "eq")
                counts[kind] += 1
                element["number"] = str(counts[kind])
                if element["id"]:
                    self._add(element["id"], Labelled(kind, element["number"], document))
                panels = panels_of(element) if kind != "eq" else []
                for letter, panel in zip(ascii_lowercase, panels, strict=False):
                    panel["number"] = f"{counts[kind]}{letter}"
                    self._add(panel["id"], Labelled(kind, panel["number"], document))

    def _add(self, label: str, labelled: Labelled) -> None:
        if label in self.labels:
            labelled.document.note(
                f"the label {label!r} is used twice, here and in "
                f"{self.labels[label].document.file}: every label of a report is used once",
                "#" + label,
                label,
            )
        self.labels.setdefault(label, labelled)

    def find(self, label: str, document: Document) -> tuple[str, Labelled] | None:
        """Return what `label` names; `Fig-x` at the start of a sentence is `fig-x`.

        One that names nothing is noted.
        """
        for name in (label, label[:1].lower() + label[1:]):
            if name in self.labels:
                return name, self.labels[name]
        kind = label.split("-")[0].lower()
        same_kind = [known for known in self.labels if known.startswith(kind + "-")]
        message = f"the reference @{label} leads nowhere{nearest(label, same_kind)}"
        document.note(message, call_of(label), label, kind=Missing, what=label)
        return None


def _number_headings(documents: Sequence[Document]) -> None:
    """Number headings: "2.1.3" inside parts, "A.1" in appendices. Typst counts by itself."""
    counter = [0] * 7

    def step(level: int) -> str:
        counter[level - 1] += 1
        counter[level:] = [0] * (len(counter) - level)
        return ".".join(map(str, counter[:level]))

    part: str | None = None
    was_appendix = False
    for document in documents:
        if document.is_appendix and not was_appendix:
            was_appendix = True
            counter[:] = [0] * len(counter)
        if document.part not in (None, part):
            step(1)
        part = document.part
        document.headings = []
        for element in elements_in(document.blocks):
            if element["t"] != "Header":
                continue
            level, attributes, inlines = element["c"]
            level += document.shift
            number = "" if "unnumbered" in attributes[1] else step(level)
            if number and document.is_appendix:
                number = chr(ord("A") + counter[0] - 1) + number.removeprefix(str(counter[0]))
            element["number"] = number
            document.headings.append(Heading(level, number, attributes[0], text_of(inlines)))


def _is_numbered(element: Element) -> bool:
    return element["t"] in ("Float", "Equation")


def resolve_calls(
    document: Document, index: Index, settings: Mapping[str, Any], output: OutputFormat
) -> None:
    """Replace every `@fig-x` by a link with its number; one that leads nowhere is noted.

    settings: `crossref:`, where `fig-prefix` and so on are what stands before a number.
    """

    def visit(element: Element) -> list[Element] | None:
        if element["t"] != "Cite":
            return None
        citations = element["c"][0]
        as_written: list[Element] = element["c"][1]
        for label in (each["citationId"] for each in citations):
            if _QUARTO_REFERENCE.fullmatch(label):
                document.note(
                    f"a reference to {label!r}: the embedded engine numbers figures (fig-), tables "
                    "(tbl-), sections (sec-) and equations (eq-)",
                    call_of(label),
                    kind=Unsupported,
                )
                return as_written
        calls = [each for each in citations if _REFERENCE.fullmatch(each["citationId"])]
        if not calls:
            return None
        if len(calls) < len(citations):
            document.note(
                f"{text_of(as_written)!r} mixes references to the report with citations: "
                "write two brackets",
                call_of(calls[0]["citationId"]),
                kind=Unsupported,
            )
            return as_written
        out: list[Element] = []
        for position, call in enumerate(calls):
            out += [make("Str", ","), SPACE] if position else []
            found = index.find(call["citationId"], document)
            out += written(call, *found) if found else as_written
        return out

    def written(call: dict[str, Any], label: str, target: Labelled) -> list[Element]:
        before: list[Element] = call["citationPrefix"]
        if not before and call["citationMode"]["t"] != "SuppressAuthor":
            prefix = settings.get(f"{target.kind}-prefix", _PREFIXES[target.kind])
            before = words(str(prefix))
        after: list[Element] = call["citationSuffix"]
        if output == "typst":
            opening = make("RawInline", "typst", f"#ref(<{label}>, supplement: [")
            return [opening, *before, make("RawInline", "typst", "])"), *after]
        if short := _SHORT_LABEL.match(target.title):
            text = words(short[1])
        elif not target.number:
            text = words(target.title)
        else:
            text = [
                *before,
                *([make("Str", "\u00a0")] if before else []),
                make("Str", target.number),
            ]
        home = target.document.page
        place = "" if home == document.page else relative(home, document.page)
        return [make("Link", attr("", "xref"), text, [f"{place}#{label}", ""]), *after]

    document.blocks = transform(document.blocks, visit)


def relative(page: str, start: str) -> str:
    """Return the link from page `start` to `page`, both relative to the output folder."""
    return posixpath.relpath(page, posixpath.dirname(start) or ".")


class Anchors:
    """Where links inside the report lead. In the PDF, one document, each identifier is there once.

    A link to a chapter or an anchor that is not there is noted.
    """

    def __init__(self, documents: Sequence[Document]) -> None:
        self._documents = {document.file: document for document in documents}
        self._names: dict[tuple[str, str], str] = {}
        taken: set[str] = set()
        for document in documents:
            for identifier in _identifiers(document):
                name = identifier
                if name in taken:
                    name = f"{PurePosixPath(document.file).stem}-{identifier}"
                self._names.setdefault((document.file, identifier), name)
                taken.add(name)
        for document in documents:
            for element in elements_in(document.blocks):
                if element["t"] == "Link" and "xref" not in element["c"][0][1]:
                    self._check(document, element["c"][2][0])

    def in_pdf(self, document: Document, identifier: str) -> str:
        """Return an identifier as the PDF has it: "results" of the second chapter is renamed."""
        return self._names.get((document.file, identifier), identifier)

    def place_in_pdf(self, document: Document, target: str) -> str:
        """Return a link's target as the PDF has it; a chapter's file is its heading."""
        file, anchor = _split(document, target)
        if file not in self._documents:
            return target
        other = self._documents[file]
        return "#" + self.in_pdf(other, anchor or other.identifier)

    def _check(self, document: Document, target: str) -> None:
        file, anchor = _split(document, target)
        if file is None or (file in self._documents and not anchor):
            return
        if (file, anchor) not in self._names:
            hint = nearest(file, self._documents)
            if file in self._documents:
                hint = nearest(anchor, [name for home, name in self._names if home == file])
            message = f"the link to {target!r} leads nowhere{hint}"
            needles = (f"({target})", target)
            kind = Missing if file in self._documents else RenderError
            document.note(message, *needles, kind=kind, what=anchor)


def _identifiers(document: Document) -> Iterator[str]:
    for element in elements_in(document.blocks):
        tag, identifier = element["t"], element.get("id")
        if tag == "Header":
            identifier = element["c"][1][0]
        elif tag in ("Div", "Span", "CodeBlock", "Code", "Link", "Image"):
            identifier = element["c"][0][0]
        if identifier:
            yield identifier


def _split(document: Document, target: str) -> tuple[str | None, str]:
    """Return the chapter's file and the anchor that `target` names; None for any other link."""
    path, _, anchor = target.partition("#")
    if not path and anchor:
        return document.file, anchor
    if path.endswith(".qmd") and "://" not in path:
        folder = posixpath.dirname(document.file)
        return posixpath.normpath(posixpath.join(folder, path)), anchor
    return None, ""
