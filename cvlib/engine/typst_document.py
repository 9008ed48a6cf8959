"""One Typst document of all chapters: settings, the extension's template, pandoc, the compiler."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from cvlib.engine import pandoc
from cvlib.engine.anchors import Anchors
from cvlib.engine.book import Book
from cvlib.engine.chapter_tree import ChapterTree
from cvlib.engine.citations import citeproc_arguments, refuse_missing
from cvlib.engine.crossref import build_index, prefixes, resolve_calls
from cvlib.engine.errors import RenderError
from cvlib.engine.pictures import pictures_of
from cvlib.engine.tree import Element, parse_inlines
from cvlib.engine.typst_blocks import merge_chapters

# Passed on to the template as they are.
SETTINGS = (
    "papersize", "margin", "mainfont", "fontsize", "section-numbering", "lang", "keywords", "course",
    "reference-section-title",
)  # fmt: skip


def typst_source(project: Book, chapters: Sequence[ChapterTree]) -> str:
    """Write all chapters as one Typst document."""
    index = build_index(chapters)
    before = prefixes(project.crossref)
    for chapter in chapters:
        chapter.blocks = resolve_calls(chapter.blocks, chapter, index, before, "typst")
    supplements = {
        kind: str(project.crossref[f"{kind}-title"])
        for kind in ("fig", "tbl")
        if f"{kind}-title" in project.crossref
    }
    anchors = Anchors(chapters)
    anchors.refuse_broken_links()
    citations = citeproc_arguments(chapters, project)
    document = {
        "pandoc-api-version": [1, 23, 1],
        "meta": _metadata(project),
        "blocks": merge_chapters(chapters, supplements, anchors),
    }
    with tempfile.TemporaryDirectory() as folder:
        template = _assemble_template(project, Path(folder))
        arguments = ["--to", "typst-citations", "--wrap", "none", "--template", str(template)]
        text, warnings = pandoc.write(document, [*arguments, *citations])
    refuse_missing(warnings, chapters, project)
    return text


def typst_pictures(project: Book, chapters: Sequence[ChapterTree]) -> dict[str, Path]:
    """Return the pictures of all chapters, by the path that the document has for each."""
    return {
        picture.place: picture.path
        for chapter in chapters
        for picture in pictures_of(chapter, project.root)
    }


def compile_pdf(source: str, pictures: Mapping[str, Path]) -> bytes:
    """Typeset a document with the fonts of the wheel alone; the same input gives the same bytes."""
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
            return typst.compile(main, root=folder, format="pdf", ignore_system_fonts=True)
        except typst.TypstError as error:
            details = getattr(error, "diagnostic", None) or str(error)
            raise RenderError(f"Typst could not typeset the report: {details}") from error


def extension_folder(project: Book) -> Path:
    """Return the folder of the format's extension, whose template both engines share."""
    name = project.formats["typ"].name.removesuffix("-typst")
    return project.root / "_extensions" / name


def _assemble_template(project: Book, folder: Path) -> Path:
    """Lay the extension's partials beside the frame that calls them, as Quarto does."""
    extension = extension_folder(project)
    partials = project.formats["typ"].options.get("template-partials") or []
    if not partials:
        raise RenderError(
            "the PDF's format names no template: write `format: journal-typst` in _quarto.yml"
        )
    for name in partials:
        shutil.copyfile(extension / name, folder / Path(name).name)
    frame = folder / "template.typ"
    frame.write_text(
        (files("cvlib.engine") / "assets" / "template.typ").read_text(encoding="utf-8"),
        encoding="utf-8",
    )
    return frame


def _metadata(project: Book) -> dict[str, Element]:
    options = project.formats["typ"].options
    book = project
    people = [
        {"t": "MetaMap", "c": {"name": {"t": "MetaMap", "c": {"literal": _inlines(author)}}}}
        for author in book.authors
    ]
    meta: dict[str, Element] = {
        "title": _inlines(book.title),
        "by-author": {"t": "MetaList", "c": people},
    }
    for key, value in (("subtitle", book.subtitle), ("date", book.date)):
        if value:
            meta[key] = _inlines(value)
    for key in SETTINGS:
        if options.get(key) is not None:
            meta[key] = _inlines(options[key]) if key == "course" else _value(options[key])
    return meta


def _inlines(text: Any) -> Element:
    return {"t": "MetaInlines", "c": parse_inlines(str(text))}


def _value(value: Any) -> Element:
    if isinstance(value, dict):
        return {"t": "MetaMap", "c": {str(key): _value(item) for key, item in value.items()}}
    if isinstance(value, list):
        return {"t": "MetaList", "c": [_value(item) for item in value]}
    return {"t": "MetaString", "c": str(value)}
