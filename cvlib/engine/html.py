"""Blocks for a web page: numbered headings with anchors, figures, tables in scroll boxes, code."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import PurePosixPath
from typing import Any

from cvlib.engine.citations import cited_keys
from cvlib.engine.crossref import relative
from cvlib.engine.document import Document
from cvlib.engine.floats import panels_of
from cvlib.engine.tree import (
    SPACE,
    Element,
    attr,
    div,
    elements_in,
    header,
    inside,
    link,
    pairs,
    plain,
    raw,
    raw_block,
    span,
    string,
    text_of,
    transform,
    words,
)


def page_blocks(
    document: Document,
    titles: Mapping[str, str],
    code_fold: object,
    sizes: Mapping[str, tuple[int, int] | None],
) -> list[Element]:
    """Return a chapter's blocks as pandoc's HTML writer shall write them.

    titles: what figures and tables are called. sizes: width and height (CSS pixels) of pictures, by
    their reference; for those whose text gives none, so that the page does not jump when they arrive.
    """
    writer = _Writer(document.page, titles, str(code_fold), sizes)
    blocks = transform(document.blocks, writer.visit)
    has_list = any(e["t"] == "Div" and e["c"][0][0] == "refs" for e in elements_in(blocks))
    if cited_keys(document) and not has_list:
        blocks.append(header(2, words("References"), attr("references", "unnumbered")))
        blocks.append(div([], attr("refs")))
    return blocks


@dataclass(frozen=True)
class _Writer:
    page: str
    titles: Mapping[str, str]
    code_fold: str
    sizes: Mapping[str, tuple[int, int] | None]

    def visit(self, element: Element) -> list[Element] | None:
        tag = element["t"]
        if tag == "Header":
            return [self._heading(element.get("number", ""), *element["c"])]
        if tag == "Float":
            return self._float(element)
        if tag == "Panel":
            cells = [div(self._inside(cell), attr("", "panel")) for cell in element["content"]]
            return _panels(cells, element["columns"])
        if tag == "Callout":
            return self._callout(element)
        if tag == "Equation":
            formula = {"t": "Math", "c": [{"t": "DisplayMath"}, element["tex"]]}
            number = span([string(f"({element['number']})")], attr("", "equation-number"))
            return [span([formula, number], attr(element["id"], "equation"))]
        if tag == "Image":
            return [raw("html", self._image(*element["c"]))]
        if tag == "Table":
            return self._table(element, "Table")
        if tag == "CodeBlock" and "cell-code" in element["c"][0][1]:
            return self._code(*element["c"])
        if tag == "Div":
            # cells keep their classes for the style sheet and lose the marks of their execution
            (_, classes, _), content = element["c"]
            if any(name.startswith("cell") for name in classes):
                return [div(self._inside(content), attr("", *classes))]
        if tag == "Link":
            attributes, inlines, (target, title) = element["c"]
            path, mark, anchor = target.partition("#")
            if path.endswith(".qmd") and "://" not in path:  # another chapter's file: its page
                target = str(PurePosixPath(path).with_suffix(".html")) + mark + anchor
            return [link(self._inside(inlines), [target, title], attributes)]
        return None

    def _inside(self, elements: list[Element]) -> list[Element]:
        return transform(elements, self.visit)

    def _heading(
        self, number: str, level: int, attributes: list[Any], inlines: list[Element]
    ) -> Element:
        content = self._inside(inlines)
        if number:
            content = [span([string(number)], attr("", "heading-number")), SPACE, *content]
        identifier = attributes[0]
        if identifier:
            label = f"Link to “{text_of(inlines)}”"
            named = ["", ["anchor"], [["aria-label", label]]]
            content = [*content, link([string("#")], [f"#{identifier}", ""], named)]
        return header(level, content, attributes)

    def _float(self, element: Element) -> list[Element]:
        kind = element["kind"]
        name = f"{self.titles[kind]}\u00a0{element['number']}"
        caption = self._inside(element["caption"])
        stop = "." if caption else ""
        captioned = _caption(f"{name}{stop}", caption)
        label = f' id="{escape(element["id"])}"' if element["id"] else ""
        opened = raw_block("html", f'<figure{label} class="float float-{kind}">')
        closed = raw_block("html", "</figure>")
        if panels_of(element):
            cells = [block for cell in element["content"] for block in self._panel_cell(cell)]
            return [opened, *_panels(cells, element["columns"] or 1), captioned, closed]
        if kind == "fig":
            picture = div(self._inside(element["content"]), attr("", "picture"))
            return [opened, picture, captioned, closed]

        def visit_named(inner: Element) -> list[Element] | None:
            if inner["t"] == "Table":
                return self._table(inner, f"{name}{stop} {text_of(caption)}".strip())
            return self.visit(inner)

        return [opened, captioned, *transform(element["content"], visit_named), closed]

    def _panel_cell(self, cell: Element) -> list[Element]:
        if cell["t"] == "Div":
            return [block for inner in cell["c"][1] for block in self._panel_cell(inner)]
        if cell["t"] != "Float":
            return [div(self._inside([cell]), attr("", "panel"))]
        caption = _caption(f"({cell.get('number', '?')[-1]})", self._inside(cell["caption"]))
        content = self._inside(cell["content"])
        picture = div(content, attr("", "picture"))
        opened = f'<figure id="{escape(cell["id"])}" class="panel">'
        return [
            raw_block("html", opened),
            *([caption, *content] if cell["kind"] == "tbl" else [picture, caption]),
            raw_block("html", "</figure>"),
        ]

    def _table(self, element: Element, name: str) -> list[Element]:
        """A table in a box that scrolls."""
        named = f'role="region" aria-label="{escape(name)}" tabindex="0"'
        opened = raw_block("html", f'<div class="table-scroll" {named}>')
        table = {**element, "c": inside(element["c"], self.visit)}
        return [opened, table, raw_block("html", "</div>")]

    def _callout(self, element: Element) -> list[Element]:
        """An aside, or details where it collapses."""
        kind, collapse = element["kind"], element["collapse"]
        title = self._inside(element["title"])
        label = ""
        if text_of(title).lower() != kind:
            label = f'<span class="visually-hidden">{kind.capitalize()}: </span>'
        box, head, state = "aside", "p", ""
        if collapse is not None:
            box, head, state = "details", "summary", "" if collapse == "true" else " open"
        before = (
            f'<{box} class="callout callout-{kind}"{state}><{head} class="callout-title">{label}'
        )
        middle = f'</{head}><div class="callout-body">'
        return [
            plain([raw("html", before), *title, raw("html", middle)]),
            *self._inside(element["content"]),
            raw_block("html", f"</div></{box}>"),
        ]

    def _image(self, attributes: list[Any], inlines: list[Element], place: list[str]) -> str:
        given, (target, title) = pairs(attributes), place
        size = self.sizes.get(target)
        if size and not given.keys() & {"width", "height"}:
            given = {**given, "width": str(size[0]), "height": str(size[1])}
        described = given.get("alt") or given.get("fig-alt") or text_of(inlines)
        if target[0] == "/":
            target = relative(posixpath.normpath(target.lstrip("/")), self.page)
        parts = [f'<img src="{escape(target)}" alt="{escape(described)}"']
        parts += [f'title="{escape(title)}"'] if title else []
        styles = []
        for key in ("width", "height"):
            length = given.get(key, "").removesuffix("px")
            if length.isdigit():
                parts.append(f'{key}="{length}"')
            elif length:
                styles.append(f"{key}: {length}")
        parts += [f'style="{escape("; ".join(styles))}"'] if styles else []
        return " ".join(parts) + ">"

    def _code(self, attributes: list[Any], text: str) -> list[Element]:
        fold = pairs(attributes).get("code-fold", self.code_fold).lower()
        opened = "" if fold == "true" else " open"
        return [
            raw_block("html", f'<details class="code"{opened}><summary>Code</summary>'),
            {"t": "CodeBlock", "c": [attr("", *attributes[1]), text]},
            raw_block("html", "</details>"),
        ]


def _caption(number: str, caption: list[Element]) -> Element:
    opened = f'<figcaption><span class="float-number">{escape(number)}</span> '
    return plain([raw("html", opened), *caption, raw("html", "</figcaption>")])


def _panels(cells: list[Element], columns: int) -> list[Element]:
    opened = f'<div class="panels" style="--columns: {columns}">'
    return [raw_block("html", opened), *cells, raw_block("html", "</div>")]
