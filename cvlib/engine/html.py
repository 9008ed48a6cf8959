"""Blocks for a web page: numbered headings with anchors, figures, tables in scroll boxes, code."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from html import escape
from pathlib import PurePosixPath
from typing import Any

from cvlib.engine.citations import cited_keys
from cvlib.engine.crossref import relative
from cvlib.engine.document import Document
from cvlib.engine.floats import panels_of
from cvlib.engine.tree import Element, attr, elements_in, inside, make, text_of, transform, words

_raw = partial(make, "RawInline", "html")
_raw_block = partial(make, "RawBlock", "html")


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
        blocks.append(make("Header", 2, attr("references", "unnumbered"), words("References")))
        blocks.append(make("Div", attr("refs"), []))
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
            cells = [
                make("Div", attr("", "panel"), self._inside(cell)) for cell in element["content"]
            ]
            return _panels(cells, element["columns"])
        if tag == "Callout":
            return self._callout(element)
        if tag == "Equation":
            formula = make("Math", {"t": "DisplayMath"}, element["tex"])
            number = make("Span", attr("", "equation-number"), words(f"({element['number']})"))
            return [make("Span", attr(element["id"], "equation"), [formula, number])]
        if tag == "Image":
            return [_raw(self._image(*element["c"]))]
        if tag == "Table":
            return self._table(element, "Table")
        if tag == "CodeBlock" and "cell-code" in element["c"][0][1]:
            return self._code(*element["c"])
        if tag == "Div":
            # cells keep their classes for the style sheet and lose the marks of their execution
            (_, classes, _), content = element["c"]
            if any(name.startswith("cell") for name in classes):
                return [make("Div", attr("", *classes), self._inside(content))]
        if tag == "Link":
            attributes, inlines, (target, title) = element["c"]
            path, mark, anchor = target.partition("#")
            if path.endswith(".qmd") and "://" not in path:  # another chapter's file: its page
                target = str(PurePosixPath(path).with_suffix(".html")) + mark + anchor
            return [make("Link", attributes, self._inside(inlines), [target, title])]
        return None

    def _inside(self, elements: list[Element]) -> list[Element]:
        return transform(elements, self.visit)

    def _heading(
        self, number: str, level: int, attributes: list[Any], inlines: list[Element]
    ) -> Element:
        content = self._inside(inlines)
        if number:
            content = [
                make("Span", attr("", "heading-number"), [make("Str", number)]),
                *words(" "),
                *content,
            ]
        identifier = attributes[0]
        if identifier:
            label = f"Link to “{text_of(inlines)}”"
            named = ["", ["anchor"], [["aria-label", label]]]
            content = [*content, make("Link", named, words("#"), [f"#{identifier}", ""])]
        return make("Header", level, attributes, content)

    def _float(self, element: Element) -> list[Element]:
        kind = element["kind"]
        name = f"{self.titles[kind]}\u00a0{element['number']}"
        caption = self._inside(element["caption"])
        stop = "." if caption else ""
        captioned = _caption(f"{name}{stop}", caption)
        label = f' id="{escape(element["id"])}"' if element["id"] else ""
        opened = _raw_block(f'<figure{label} class="float float-{kind}">')
        closed = _raw_block("</figure>")
        if panels_of(element):
            cells = [block for cell in element["content"] for block in self._panel_cell(cell)]
            return [opened, *_panels(cells, element.get("columns") or 1), captioned, closed]
        if kind == "fig":
            picture = make("Div", attr("", "picture"), self._inside(element["content"]))
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
            return [make("Div", attr("", "panel"), self._inside([cell]))]
        caption = _caption(f"({cell.get('number', '?')[-1]})", self._inside(cell["caption"]))
        content = self._inside(cell["content"])
        picture = make("Div", attr("", "picture"), content)
        opened = f'<figure id="{escape(cell["id"])}" class="panel">'
        return [
            _raw_block(opened),
            *([caption, *content] if cell["kind"] == "tbl" else [picture, caption]),
            _raw_block("</figure>"),
        ]

    def _table(self, element: Element, name: str) -> list[Element]:
        """A table in a box that scrolls."""
        named = f'role="region" aria-label="{escape(name)}" tabindex="0"'
        opened = _raw_block(f'<div class="table-scroll" {named}>')
        table = {**element, "c": inside(element["c"], self.visit)}
        return [opened, table, _raw_block("</div>")]

    def _callout(self, element: Element) -> list[Element]:
        """An aside, or details where it collapses."""
        kind, collapse = element["kind"], element["collapse"]
        title = self._inside(element["title"])
        spoken = f'<span class="visually-hidden">{kind.capitalize()}: </span>'
        label = "" if text_of(title).lower() == kind else spoken
        box, head, state = "aside", "p", ""
        if collapse is not None:
            box, head, state = "details", "summary", "" if collapse == "true" else " open"
        before = (
            f'<{box} class="callout callout-{kind}"{state}><{head} class="callout-title">{label}'
        )
        middle = f'</{head}><div class="callout-body">'
        return [
            make("Plain", [_raw(before), *title, _raw(middle)]),
            *self._inside(element["content"]),
            _raw_block(f"</div></{box}>"),
        ]

    def _image(self, attributes: list[Any], inlines: list[Element], place: list[str]) -> str:
        given, (target, title) = dict(attributes[2]), place
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
        fold = dict(attributes[2]).get("code-fold", self.code_fold).lower()
        opened = "" if fold == "true" else " open"
        return [
            _raw_block(f'<details class="code"{opened}><summary>Code</summary>'),
            {"t": "CodeBlock", "c": [attr("", *attributes[1]), text]},
            _raw_block("</details>"),
        ]


def _caption(number: str, caption: list[Element]) -> Element:
    opened = f'<figcaption><span class="float-number">{escape(number)}</span> '
    return make("Plain", [_raw(opened), *caption, _raw("</figcaption>")])


def _panels(cells: list[Element], columns: int) -> list[Element]:
    opened = f'<div class="panels" style="--columns: {columns}">'
    return [_raw_block(opened), *cells, _raw_block("</div>")]
