"""The report as one Typst document, in the same markup that Quarto writes: one template serves both."""

from __future__ import annotations

import json
import posixpath
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from cvlib.engine.book import Book
from cvlib.engine.citations import write_cited
from cvlib.engine.crossref import Anchors, Index, resolve_calls
from cvlib.engine.document import Document
from cvlib.engine.errors import RenderError, raise_all
from cvlib.engine.floats import panels_of
from cvlib.engine.tree import Element, attr, inside, make, parse_inlines, text_of, transform

# Passed on to the template as they are.
_SETTINGS = (
    "papersize", "margin", "mainfont", "fontsize", "section-numbering", "lang", "keywords",
    "reference-section-title",
)  # fmt: skip
_CAPTION_SIDES = {"fig": "bottom", "tbl": "top"}
# What Typst would make into something else, and pandoc leaves to it: quotes (a prime after a digit:
# EXP01′s), dots, a minus, and what begins a list or a heading, which a table's cell may begin with.
# `literals` in journal.lua is the same for Quarto's renders.
_SHORTHAND = re.compile(r"['\"‘’“”]|\.\.\.|-[^A-Za-z-]|^(?:[-+/]|=+|\d+\.)$")
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
_APPENDIX = "#counter(heading).update(0)\n#set heading(numbering: appendix-numbering)"
# Of each kind of callout its colour and its background, the same that Quarto hands to the template.
_CALLOUT_COLOURS = {
    "note": ("#0758E5", "#dae6fb"),
    "tip": ("#00A047", "#ccf1e3"),
    "warning": ("#EB9113", "#fcefdc"),
    "important": ("#CC1914", "#f7dddc"),
    "caution": ("#FC5300", "#ffe5d0"),
}
# what the wheel's fonts have for certain needs no look
_RARE = re.compile(
    "[^\x00-\u024f\u0370-\u04ff\u2010-\u2040\u2070-\u209c\u20a0-\u20bf\u2190-\u22ff]"
)
_GLYPH = re.compile(r'<use xlink:href="#(\w+)"')

_raw = partial(make, "RawInline", "typst")
_string = partial(json.dumps, ensure_ascii=False)  # Typst writes them as JSON does
_raw_block = partial(make, "RawBlock", "typst")


def typst_source(book: Book, documents: Sequence[Document]) -> str:
    """Write all chapters as one Typst document: parts, chapters, appendices."""
    index = Index(documents)
    for document in documents:
        resolve_calls(document, index, book.crossref, "typst")
    anchors = Anchors(documents)
    blocks: list[Element] = []
    part: str | None = None
    has_appendix = False
    for document in documents:
        if document.part not in (None, part):
            name = document.part or ""
            slug = re.sub(r"[^\w]+", "-", name.lower()).strip("-")
            blocks.append(make("Header", 1, attr(slug), parse_inlines(name)))
        part = document.part
        if document.is_appendix and not has_appendix:
            has_appendix = True
            blocks.append(_raw_block(_APPENDIX))
        writer = _Writer(document, anchors, book.float_titles)
        blocks += transform(document.blocks, writer.visit)
    with tempfile.TemporaryDirectory() as folder:
        template = _assemble_template(book, Path(folder))
        arguments = ["--to", "typst-citations", "--wrap", "none", "--template", str(template)]
        source = write_cited(book, documents, blocks, arguments, _metadata(book))
    raise_all(each for document in documents for each in document.problems)
    return source


def compile_pdf(source: str, pictures: Mapping[str, Path]) -> bytes:
    """Typeset a document with the fonts of the wheel; the same input gives the same bytes.

    Where these have no glyph for a letter, the fonts that are installed are used as well. pictures:
    by the path that the document has for each.
    """
    import typst  # here, because loading the compiler takes time that HTML does not need

    # A folder of its own: nothing lands in the project, and figures may lie anywhere (a freeze).
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        main = folder / "main.typ"
        main.write_text(source, encoding="utf-8")
        for place, path in pictures.items():
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / place)
        try:
            alone = not letters_without_glyph(source, installed=False)
            return typst.compile(main, root=folder, format="pdf", ignore_system_fonts=alone)
        except typst.TypstError as error:
            details = getattr(error, "diagnostic", None) or str(error)
            raise RenderError(f"Typst could not typeset the report: {details}") from error


def letters_without_glyph(text: str, *, installed: bool) -> str:
    """The letters of a text, each once, that the fonts of the wheel lack, and, with `installed`, all others.

    Typst draws a box in their place and says nothing. Each is drawn on a page of its own, after what
    no font has.
    """
    asked = sorted(c for c in {*_RARE.findall(text)} if c.isprintable() and not c.isspace())
    if not asked:
        return ""
    import typst

    lines = [f"#{_string(c)}" for c in ("\uffff", *asked)]
    source = '#set text(font: "Libertinus Serif")\n' + "\n#pagebreak()\n".join(lines)
    pages: Any = typst.compile(source.encode(), format="svg", ignore_system_fonts=not installed)
    drawn = [set(_GLYPH.findall(page.decode())) for page in pages]
    return "".join(c for c, glyphs in zip(asked, drawn[1:], strict=True) if glyphs & drawn[0])


def _assemble_template(book: Book, folder: Path) -> Path:
    """Lay the partials of the format's extension beside the frame that calls them, as Quarto does."""
    made = book.formats["typ"]
    partials = made.options.get("template-partials") or []
    if not partials:
        raise RenderError(
            "the PDF's format names no template: write `format: journal-typst` in _quarto.yml"
        )
    extension = book.root / "_extensions" / made.name.removesuffix("-typst")
    for name in partials:
        shutil.copyfile(extension / name, folder / Path(name).name)
    frame = folder / "template.typ"
    frame.write_bytes((files("cvlib.engine") / "assets" / "template.typ").read_bytes())
    return frame


def _metadata(book: Book) -> dict[str, Element]:
    options = book.formats["typ"].options
    texts = {
        "title": book.title,
        "by-author": [{"name": {"literal": author}} for author in book.authors],
        "subtitle": book.subtitle,
        "date": book.date,
        "course": options.get("course"),
    }
    settings = {key: options[key] for key in _SETTINGS if options.get(key) is not None}
    return {
        **{key: _meta(value, is_markdown=True) for key, value in texts.items() if value},
        **{key: _meta(value, is_markdown=False) for key, value in settings.items()},
    }


def _meta(value: Any, *, is_markdown: bool) -> Element:
    if isinstance(value, dict):
        inside = {str(k): _meta(item, is_markdown=is_markdown) for k, item in value.items()}
        return make("MetaMap", inside)
    if isinstance(value, list):
        return make("MetaList", [_meta(item, is_markdown=is_markdown) for item in value])
    if is_markdown:
        return make("MetaInlines", transform(parse_inlines(str(value)), _literal))
    return make("MetaString", str(value))


@dataclass(frozen=True)
class _Writer:
    """Writes the blocks of one chapter as pandoc's Typst writer shall have them."""

    document: Document
    anchors: Anchors
    titles: Mapping[str, str]

    def visit(self, element: Element) -> list[Element] | None:
        tag = element["t"]
        if tag == "Header":
            level, (identifier, *rest), inlines = element["c"]
            named = [self.anchors.in_pdf(self.document, identifier), *rest]
            return [
                make("Header", level + self.document.shift, named, transform(inlines, self.visit))
            ]
        if tag == "Float":
            return self._float(element)
        if tag == "Panel":
            return self._grid(element["content"], element["columns"])
        if tag == "Callout":
            return [self._callout(element)]
        if tag == "Equation":
            formula = make("Math", {"t": "DisplayMath"}, element["tex"])
            opening = "#math.equation(block: true, numbering: equation-numbering, [ "
            return [_raw(opening), formula, _raw(f" ])<{element['id']}>")]
        if tag == "Image":
            return [self._image(*element["c"])]
        if tag == "Table":
            (identifier, classes, given), *rest = element["c"]
            bare = [identifier, [*classes, "typst:no-figure"], given]
            return [{"t": "Table", "c": [bare, *inside(rest, self.visit)]}]
        if tag == "Div" and "cell" in element["c"][0][1] and any(map(_is_display, element["c"][1])):
            return self._unwrapped(element["c"][1])
        if tag == "Str":
            return _literal(element)
        if tag == "Link":
            attributes, inlines, (target, title) = element["c"]
            place = self.anchors.place_in_pdf(self.document, target)
            return [make("Link", attributes, transform(inlines, self.visit), [place, title])]
        return None

    def _callout(self, element: Element) -> Element:
        colour, background = _CALLOUT_COLOURS[element["kind"]]
        title = transform(element["title"], self.visit)
        settings = (
            f'background_color: rgb("{background}"), icon_color: rgb("{colour}"), icon: none, '
            "body_background_color: white)\n"
        )
        blocks = [
            _line("#callout(body: ["),
            *transform(element["content"], self.visit),
            _line("], title: [", *title, "],"),
            _line(settings),
        ]
        return make("Div", attr(), blocks)

    def _float(self, element: Element) -> list[Element]:
        kind, content, columns = element["kind"], element["content"], element.get("columns")
        caption = transform(element["caption"], self.visit)
        side, title = _CAPTION_SIDES[kind], self.titles[kind]
        label = f"<{element['id']}>" if element["id"] else ""
        has_panels = bool(panels_of(element))
        if has_panels or columns:
            body = self._columns(content, columns or 1)
        else:
            body = transform(content, self.visit)
        if has_panels:
            named = f'#quarto_super(kind: "quarto-float-{kind}", caption: ['
            settings = (
                f"], label: {label}, position: {side}, "
                f'supplement: "{title}", subcapnumbering: "(a)", ['
            )
            return [_line(named, *caption, settings), *body, _raw_block("])")]
        separator = "" if caption else 'separator: "", '
        closing = f"], caption: figure.caption({separator}position: {side}, ["
        settings = f']), kind: "quarto-float-{kind}", supplement: "{title}", ){label}\n\n'
        return [_line("#figure(["), *body, _line(closing, *caption, settings)]

    def _columns(self, cells: list[Element], columns: int) -> list[Element]:
        blocks = [_line(f"#grid(columns: {columns}, gutter: 2em,")]
        for cell in cells:
            blocks += [_line("  ["), make("Div", attr(), transform([cell], self.visit))]
            blocks.append(_line("],"))
        return [*blocks, _line(")")]

    def _grid(self, cells: list[list[Element]], columns: int) -> list[Element]:
        blocks: list[Element] = []
        for start in range(0, len(cells), columns):
            widths = ", ".join(["1fr"] * columns)
            blocks.append(_raw_block(f"#grid(columns: ({widths}), gutter: 1em, rows: 1,"))
            for cell in cells[start : start + columns]:
                blocks.append(_raw_block("  rect(stroke: none, width: 100%)["))
                blocks += transform([_filling(each) for each in cell], self.visit)
                blocks.append(_raw_block("],"))
            blocks.append(_raw_block(")\n"))
        return blocks

    def _image(self, attributes: list[Any], inlines: list[Element], target: list[str]) -> Element:
        given, reference = dict(attributes[2]), target[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(self.document.file), reference))
        settings = [_string(reference if reference.startswith("/") else f"/{path}")]
        # In a figure the caption says it already; a picture in the text is described by its words.
        described = given.get("alt") if given.get("described") == "yes" else None
        if "alt" not in given:
            described = given.get("fig-alt") or text_of(inlines)
        if described:
            settings.append(f"alt: {_string(described)}")
        for key in ("height", "width"):
            if key in given:
                size = given[key].removesuffix("px")
                inches = f"{float(size) / 96:.4f}in" if size.isdigit() else given[key]
                settings.append(f"{key}: {inches}")
        return _raw(f"#box(image({', '.join(settings)}))")

    def _unwrapped(self, content: list[Element]) -> list[Element]:
        """As Quarto does: the first display stands free, what follows it is in blocks of its own."""
        first = next(i for i, block in enumerate(content) if _is_display(block))
        free = [*content[:first], *content[first]["c"][1], *content[first + 1 :]]
        return transform(free, self.visit)


def _line(*parts: str | Element) -> Element:
    """Typst's own text, with inlines of the report in between."""
    return make("Plain", [_raw(part) if isinstance(part, str) else part for part in parts])


def _literal(element: Element) -> list[Element] | None:
    """Letters that Typst shall take as they are; None where it does, and where it is no text."""
    if element["t"] != "Str" or not _SHORTHAND.search(element["c"]):
        return None
    return [_raw(_PUNCTUATION.sub(r"\\\g<0>", element["c"]))]


def _is_display(block: Element) -> bool:
    return block["t"] == "Div" and "cell-output-display" in block["c"][0][1]


def _filling(block: Element) -> Element:
    """A picture alone in its cell, with no size of its own, takes the cell's width."""
    if block["t"] in ("Para", "Plain") and len(block["c"]) == 1 and block["c"][0]["t"] == "Image":
        (identifier, classes, given), inlines, target = block["c"][0]["c"]
        if not {"width", "height"} & {key for key, _ in given}:
            sized = [identifier, classes, [*given, ["width", "100%"]]]
            return {**block, "c": [{"t": "Image", "c": [sized, inlines, target]}]}
    return block
