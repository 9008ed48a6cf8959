"""Blocks for the PDF, in the same Typst markup that Quarto writes: one template serves both."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from cvlib.engine.anchors import Anchors
from cvlib.engine.callouts import typst_callout
from cvlib.engine.chapter_tree import ChapterTree
from cvlib.engine.crossref import has_panels
from cvlib.engine.outline import begins_part, shift_of
from cvlib.engine.tree import (
    Element,
    Visit,
    attr,
    div,
    header,
    pairs,
    parse_inlines,
    plain,
    raw,
    raw_block,
    string,
    text_of,
    transform,
)

SUPPLEMENTS = {"fig": "Figure", "tbl": "Table"}
CAPTION_SIDES = {"fig": "bottom", "tbl": "top"}
APOSTROPHE = "’"  # Typst makes a prime of a quote after a digit: EXP01′s
APPENDIX = "#counter(heading).update(0)\n#set heading(numbering: appendix-numbering)"


def merge_chapters(
    chapters: Sequence[ChapterTree], supplements: Mapping[str, str], anchors: Anchors
) -> list[Element]:
    """Return all chapters as the blocks of one document: parts, chapters, appendices."""
    merged: list[Element] = []
    part: str | None = None
    appendix = False
    for chapter in chapters:
        if begins_part(chapter, part):
            name = chapter.executed.entry.part or ""
            slug = re.sub(r"[^\w]+", "-", name.lower()).strip("-")
            merged.append(header(1, parse_inlines(name), attr(slug)))
        part = chapter.executed.entry.part
        if chapter.executed.entry.kind == "appendix" and not appendix:
            appendix = True
            merged.append(raw_block("typst", APPENDIX))
        merged += _lowered(chapter, supplements, anchors)
    return merged


def _lowered(
    chapter: ChapterTree, supplements: Mapping[str, str], anchors: Anchors
) -> list[Element]:
    folder = str(PurePosixPath(chapter.executed.file).parent)
    shift = shift_of(chapter)

    def visit(element: Element) -> list[Element] | None:
        tag = element["t"]
        if tag == "Header":
            level, attributes, inlines = element["c"]
            named = [anchors.in_pdf(chapter, attributes[0]), *attributes[1:]]
            return [header(level + shift, transform(inlines, visit), named)]
        if tag == "Float":
            return _float(element, visit, supplements)
        if tag == "Panel":
            return _grid(element, visit)
        if tag == "Callout":
            marked = {**element, "title": transform(element["title"], visit)}
            return [div(typst_callout(marked, transform(element["content"], visit)), attr())]
        if tag == "Equation":
            formula = {"t": "Math", "c": [{"t": "DisplayMath"}, element["tex"]]}
            opening = "#math.equation(block: true, numbering: equation-numbering, [ "
            return [raw("typst", opening), formula, raw("typst", f" ])<{element['id']}>")]
        if tag == "Image":
            return [_image(element, folder)]
        if tag == "Table":
            identifier, classes, given = element["c"][0]
            bare = [identifier, [*classes, "typst:no-figure"], given]
            return [{"t": "Table", "c": [bare, *_inside(element["c"][1:], visit)]}]
        if tag == "Div" and _shows_output(element):
            return _unwrapped(element, visit)
        if tag == "Str" and APOSTROPHE in element["c"]:
            return _with_apostrophes(element["c"])
        if tag == "Link":
            attributes, inlines, (target, title) = element["c"]
            place = anchors.place_in_pdf(chapter, target)
            return [{"t": "Link", "c": [attributes, transform(inlines, visit), [place, title]]}]
        return None

    return transform(chapter.blocks, visit)


def _with_apostrophes(text: str) -> list[Element]:
    """The word with each apostrophe as itself, not as the quote that pandoc would write."""
    first, *rest = text.split(APOSTROPHE)
    found = [string(first)] if first else []
    for part in rest:
        found += [raw("typst", APOSTROPHE), *([string(part)] if part else [])]
    return found


def _inside(parts: list[Any], visit: Visit) -> list[Any]:
    wrapped = transform([{"t": "Inside", "c": parts}], visit)
    content: list[Any] = wrapped[0]["c"]
    return content


def _float(element: Element, visit: Visit, supplements: Mapping[str, str]) -> list[Element]:
    kind, identifier = element["kind"], element["id"]
    caption = transform(element["caption"], visit)
    side, supplement = CAPTION_SIDES[kind], supplements.get(kind, SUPPLEMENTS[kind])
    panels = has_panels(element)
    content = element["content"]
    body = (
        _columns(content, element["columns"] or 1, visit)
        if panels or element["columns"]
        else transform(content, visit)
    )
    label = f"<{identifier}>" if identifier else ""
    if panels:
        named = f'#quarto_super(kind: "quarto-float-{kind}", caption: ['
        settings = (
            f"], label: {label}, position: {side}, "
            f'supplement: "{supplement}", subcapnumbering: "(a)", ['
        )
        return [
            plain([raw("typst", named), *caption, raw("typst", settings)]),
            *body,
            raw_block("typst", "])"),
        ]
    separator = "" if caption else 'separator: "", '
    closing = raw("typst", f"], caption: figure.caption({separator}position: {side}, [")
    settings = f']), kind: "quarto-float-{kind}", supplement: "{supplement}", ){label}\n\n'
    return [
        plain([raw("typst", "#figure([")]),
        *body,
        plain([closing, *caption, raw("typst", settings)]),
    ]


def _columns(cells: list[Element], columns: int, visit: Visit) -> list[Element]:
    blocks = [plain([raw("typst", f"#grid(columns: {columns}, gutter: 2em,")])]
    for cell in cells:
        blocks += [plain([raw("typst", "  [")]), div(transform([cell], visit), attr())]
        blocks.append(plain([raw("typst", "],")]))
    return [*blocks, plain([raw("typst", ")")])]


def _grid(element: Element, visit: Visit) -> list[Element]:
    columns = element["columns"]
    cells = element["content"]
    blocks: list[Element] = []
    for start in range(0, len(cells), columns):
        widths = ", ".join(["1fr"] * columns)
        blocks.append(raw_block("typst", f"#grid(columns: ({widths}), gutter: 1em, rows: 1,"))
        for cell in cells[start : start + columns]:
            blocks.append(raw_block("typst", "  rect(stroke: none, width: 100%)["))
            blocks += transform([_filling(each) for each in cell], visit)
            blocks.append(raw_block("typst", "],"))
        blocks.append(raw_block("typst", ")\n"))
    return blocks


def _filling(block: Element) -> Element:
    """A picture alone in its cell, with no size of its own, takes the cell's width."""
    if block["t"] in ("Para", "Plain") and len(block["c"]) == 1 and block["c"][0]["t"] == "Image":
        (identifier, classes, given), inlines, target = block["c"][0]["c"]
        if not {"width", "height"} & {key for key, _ in given}:
            sized = [identifier, classes, [*given, ["width", "100%"]]]
            return {**block, "c": [{"t": "Image", "c": [sized, inlines, target]}]}
    return block


def _image(element: Element, folder: str) -> Element:
    attributes, inlines, (target, _) = element["c"]
    given = pairs(attributes)
    path = target if target.startswith("/") else "/" + posixpath.normpath(f"{folder}/{target}")
    settings = [_text(path)]
    # In a figure the caption says it already; a picture in the text is described by its words.
    described = given.get("alt") if given.get("described") == "yes" else None
    if "alt" not in given:
        described = given.get("fig-alt") or text_of(inlines)
    if described:
        settings.append(f"alt: {_text(described)}")
    for key in ("height", "width"):
        if key in given:
            size = given[key].removesuffix("px")
            inches = f"{float(size) / 96:.4f}in" if size.isdigit() else given[key]
            settings.append(f"{key}: {inches}")
    return raw("typst", f"#box(image({', '.join(settings)}))")


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _shows_output(element: Element) -> bool:
    attributes, content = element["c"]
    return "cell" in attributes[1] and any(
        block["t"] == "Div" and "cell-output-display" in block["c"][0][1] for block in content
    )


def _unwrapped(element: Element, visit: Visit) -> list[Element]:
    """As Quarto does: the first display stands free, what follows it is in blocks of its own."""
    blocks: list[Element] = []
    free = True
    for block in element["c"][1]:
        display = block["t"] == "Div" and "cell-output-display" in block["c"][0][1]
        blocks += transform(block["c"][1] if display and free else [block], visit)
        free = free and not display
    return blocks
