"""Blocks for a web page: numbered headings with anchors, figures, tables in scroll boxes, code."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from html import escape
from pathlib import PurePosixPath

from cvlib.engine.callouts import html_callout
from cvlib.engine.chapter_tree import ChapterTree
from cvlib.engine.citations import has_citations
from cvlib.engine.crossref import has_panels, relative
from cvlib.engine.tree import (
    Element,
    Visit,
    attr,
    div,
    elements_in,
    header,
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

DEFAULT_TITLES = {"fig": "Figure", "tbl": "Table"}


def page_blocks(
    chapter: ChapterTree,
    titles: Mapping[str, str],
    code_fold: object,
    sizes: Mapping[str, tuple[int, int] | None],
) -> list[Element]:
    """Return a chapter's blocks as pandoc's HTML writer shall write them.

    sizes: width and height (CSS pixels) of pictures, by their reference; for those whose text
    gives none, so that the page does not jump when they arrive.
    """
    titles = {**DEFAULT_TITLES, **titles}

    def visit(element: Element) -> list[Element] | None:
        tag = element["t"]
        if tag == "Header":
            return [_heading(element, visit)]
        if tag == "Float":
            return _float(element, visit, titles)
        if tag == "Panel":
            cells = [
                div(transform(cell, visit), attr("", ("panel",))) for cell in element["content"]
            ]
            return _panels(cells, element["columns"])
        if tag == "Callout":
            marked = {**element, "title": transform(element["title"], visit)}
            return html_callout(marked, transform(element["content"], visit))
        if tag == "Equation":
            formula = {"t": "Math", "c": [{"t": "DisplayMath"}, element["tex"]]}
            number = span([string(f"({element['number']})")], attr("", ("equation-number",)))
            return [span([formula, number], attr(element["id"], ("equation",)))]
        if tag == "Image":
            return [raw("html", _image(element, chapter.page, sizes))]
        if tag == "Table":
            return _scroll_box([_keep(element, visit)], "Table")
        if tag == "CodeBlock" and "cell-code" in element["c"][0][1]:
            return _code(element, code_fold)
        if tag == "Div":
            return _div(element, visit)
        if tag == "Link":
            return [_link(element, visit)]
        return None

    blocks = transform(chapter.blocks, visit)
    if has_citations(chapter) and not _has_references(blocks):
        blocks.append(header(2, words("References"), attr("references", ("unnumbered",))))
        blocks.append(div([], attr("refs")))
    return blocks


def _keep(element: Element, visit: Visit) -> Element:
    """Walk on inside an element that `visit` would otherwise be asked about again."""
    return {**element, "c": transform([{"t": "Inside", "c": element["c"]}], visit)[0]["c"]}


def _has_references(blocks: list[Element]) -> bool:
    return any(e["t"] == "Div" and e["c"][0][0] == "refs" for e in elements_in(blocks))


def _heading(element: Element, visit: Visit) -> Element:
    level, attributes, inlines = element["c"]
    number = element.get("number", "")
    content = transform(inlines, visit)
    if number:
        content = [
            span([string(number)], attr("", ("heading-number",))),
            {"t": "Space"},
            *content,
        ]
    identifier = attributes[0]
    if identifier:
        label = f"Link to “{text_of(inlines)}”"
        anchor = [["", ["anchor"], [["aria-label", label]]], [string("#")], [f"#{identifier}", ""]]
        content = [*content, {"t": "Link", "c": anchor}]
    return header(level, content, attributes)


def _float(element: Element, visit: Visit, titles: Mapping[str, str]) -> list[Element]:
    kind, identifier = element["kind"], element["id"]
    name = f"{titles[kind]}\u00a0{element['number']}"
    caption = transform(element["caption"], visit)
    stop = "." if caption else ""
    captioned = plain(
        [
            raw("html", f'<figcaption><span class="float-number">{escape(name)}{stop}</span> '),
            *caption,
            raw("html", "</figcaption>"),
        ]
    )
    label = f' id="{escape(identifier)}"' if identifier else ""
    opened = raw_block("html", f'<figure{label} class="float float-{kind}">')
    closed = raw_block("html", "</figure>")
    if has_panels(element):
        cells = [block for cell in element["content"] for block in _panel_cell(cell, visit)]
        return [opened, *_panels(cells, element["columns"] or 1), captioned, closed]
    if kind == "tbl":

        def visit_named(inner: Element) -> list[Element] | None:
            if inner["t"] == "Table":
                return _scroll_box(
                    [_keep(inner, visit)], f"{name}{stop} {text_of(caption)}".strip()
                )
            return visit(inner)

        return [opened, captioned, *transform(element["content"], visit_named), closed]
    content = transform(element["content"], visit)
    return [opened, div(content, attr("", ("picture",))), captioned, closed]


def _panel_cell(cell: Element, visit: Visit) -> list[Element]:
    if cell["t"] == "Div":
        return [b for inner in cell["c"][1] for b in _panel_cell(inner, visit)]
    if cell["t"] != "Float":
        return [div(transform([cell], visit), attr("", ("panel",)))]
    letter = cell.get("number", "?")[-1]
    caption = plain(
        [
            raw("html", f'<figcaption><span class="float-number">({letter})</span> '),
            *transform(cell["caption"], visit),
            raw("html", "</figcaption>"),
        ]
    )
    content = transform(cell["content"], visit)
    inside = [caption, *content] if cell["kind"] == "tbl" else [
        div(content, attr("", ("picture",))), caption,
    ]  # fmt: skip
    opened = f'<figure id="{escape(cell["id"])}" class="panel">'
    return [raw_block("html", opened), *inside, raw_block("html", "</figure>")]


def _panels(cells: list[Element], columns: int) -> list[Element]:
    opened = f'<div class="panels" style="--columns: {columns}">'
    return [raw_block("html", opened), *cells, raw_block("html", "</div>")]


def _scroll_box(content: list[Element], name: str) -> list[Element]:
    opened = f'<div class="table-scroll" role="region" aria-label="{escape(name)}" tabindex="0">'
    return [raw_block("html", opened), *content, raw_block("html", "</div>")]


def _image(element: Element, page: str, sizes: Mapping[str, tuple[int, int] | None]) -> str:
    attributes, inlines, (target, title) = element["c"]
    given = pairs(attributes)
    size = sizes.get(target)
    if size and not given.keys() & {"width", "height"}:
        given = {**given, "width": str(size[0]), "height": str(size[1])}
    described = given.get("alt") or given.get("fig-alt") or text_of(inlines)
    source = relative(posixpath.normpath(target.lstrip("/")), page) if target[0] == "/" else target
    parts = [f'<img src="{escape(source)}" alt="{escape(described)}"']
    if title:
        parts.append(f'title="{escape(title)}"')
    styles = []
    for key in ("width", "height"):
        length = given.get(key, "").removesuffix("px")
        if length.isdigit():
            parts.append(f'{key}="{length}"')
        elif length:
            styles.append(f"{key}: {length}")
    if styles:
        parts.append(f'style="{escape("; ".join(styles))}"')
    return " ".join(parts) + ">"


def _code(element: Element, code_fold: object) -> list[Element]:
    attributes, text = element["c"]
    fold = str(pairs(attributes).get("code-fold", code_fold)).lower()
    opened = "" if fold == "true" else " open"
    bare = {"t": "CodeBlock", "c": [["", attributes[1], []], text]}
    return [
        raw_block("html", f'<details class="code"{opened}><summary>Code</summary>'),
        bare,
        raw_block("html", "</details>"),
    ]


def _div(element: Element, visit: Visit) -> list[Element] | None:
    """Cells keep their classes for the style sheet and lose the marks of their execution."""
    attributes, content = element["c"]
    if not any(name.startswith("cell") for name in attributes[1]):
        return None
    return [div(transform(content, visit), ["", attributes[1], []])]


def _link(element: Element, visit: Visit) -> Element:
    """A link to another chapter's file leads to its page."""
    attributes, inlines, (target, title) = element["c"]
    path, mark, anchor = target.partition("#")
    if path.endswith(".qmd") and "://" not in path:
        target = str(PurePosixPath(path).with_suffix(".html")) + mark + anchor
    return {"t": "Link", "c": [attributes, transform(inlines, visit), [target, title]]}
