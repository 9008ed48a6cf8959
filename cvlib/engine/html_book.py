"""The HTML book: one page a chapter, everything it needs in its own folder."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from html import escape
from pathlib import Path

from cvlib.engine import pandoc
from cvlib.engine.anchors import Anchors
from cvlib.engine.book import Book
from cvlib.engine.chapter_tree import ChapterTree
from cvlib.engine.citations import citeproc_arguments, refuse_missing
from cvlib.engine.crossref import Index, build_index, prefixes, relative, resolve_calls
from cvlib.engine.html_assets import page_template, script_tags, style_links, write_assets
from cvlib.engine.html_blocks import page_blocks
from cvlib.engine.html_navigation import neighbours, sidebar
from cvlib.engine.pictures import Picture, pictures_of, screen_size
from cvlib.engine.search_index import FILE as SEARCH_INDEX
from cvlib.engine.search_index import search_index


def write_book(project: Book, chapters: Sequence[ChapterTree], outdir: Path) -> None:
    """Write pages, pictures, style sheets, scripts and the index of the search below `outdir`."""
    index = build_index(chapters)
    Anchors(chapters).refuse_broken_links()
    pictures = [list(pictures_of(chapter, project.root)) for chapter in chapters]
    # All pages are made before the first is written: an error leaves the old book whole.
    with ThreadPoolExecutor(max_workers=4) as pool:
        pages = list(
            pool.map(
                lambda chapter, found: _page(project, chapters, chapter, index, found, outdir),
                chapters,
                pictures,
            )
        )
    for found in pictures:
        for picture in found:
            _copy(picture.path, outdir / picture.place)
    write_assets(project, outdir)
    words = search_index(chapters, _titles(project))
    (outdir / SEARCH_INDEX).write_text(words, encoding="utf-8")
    for chapter, page in zip(chapters, pages, strict=True):
        path = outdir / chapter.page
        path.parent.mkdir(parents=True, exist_ok=True)
        staged = path.with_name(path.name + ".part")
        staged.write_text(page, encoding="utf-8")
        staged.replace(path)


def _page(
    project: Book,
    chapters: Sequence[ChapterTree],
    chapter: ChapterTree,
    index: Index,
    pictures: Sequence[Picture],
    outdir: Path,
) -> str:
    options = project.formats["html"].options if "html" in project.formats else {}
    before = prefixes(project.crossref)
    chapter.blocks = resolve_calls(chapter.blocks, chapter, index, before, "html")
    sizes = {picture.reference: screen_size(picture.path) for picture in pictures}
    arguments = ["--to", "html5", "--mathml", "--wrap", "none"]
    document = {
        "pandoc-api-version": [1, 23, 1],
        "meta": {},
        "blocks": page_blocks(chapter, _titles(project), options.get("code-fold"), sizes),
    }
    body, warnings = pandoc.write(document, [*arguments, *citeproc_arguments([chapter], project)])
    refuse_missing(warnings, [chapter], project)
    return _filled(project, chapters, chapter, body, outdir)


def _titles(project: Book) -> dict[str, str]:
    """Return what figures and tables are called, where the project says it."""
    return {
        kind: str(project.crossref[f"{kind}-title"])
        for kind in ("fig", "tbl")
        if f"{kind}-title" in project.crossref
    }


def _filled(
    project: Book,
    chapters: Sequence[ChapterTree],
    chapter: ChapterTree,
    body: str,
    outdir: Path,
) -> str:
    book = project
    home = chapter is chapters[0]
    pdf = f"{book.output_file}.pdf"
    has_pdf = (outdir / pdf).is_file() or (project.output_dir / pdf).is_file()
    name = escape(chapter.title_text)
    return page_template().substitute(
        lang=escape(project.lang),
        title=f"{escape(book.title)}" if home else f"{name} – {escape(book.title)}",
        description=escape(book.description or book.subtitle or book.title),
        author=escape(", ".join(book.authors)),
        styles=style_links(project, chapter.page),
        scripts=script_tags(chapter.page),
        home=escape(relative(chapters[0].page, chapter.page)),
        book_title=escape(book.title),
        chapter_title=name,
        byline=_byline(project),
        title_block=_title_block(project) if home else "",
        sidebar=sidebar(chapters, chapter),
        pdf_link=_pdf_link(relative(pdf, chapter.page)) if has_pdf else "",
        neighbours=neighbours(chapters, chapter),
        body=body,
    )


def _byline(project: Book) -> str:
    return escape(", ".join(project.authors))


def _title_block(project: Book) -> str:
    book = project
    lines = [f'<p class="book-name">{escape(book.title)}</p>']
    if book.subtitle:
        lines.append(f'<p class="book-subtitle">{escape(book.subtitle)}</p>')
    facts = [escape(text) for text in (", ".join(book.authors), book.date) if text]
    lines.append(f'<p class="book-facts">{" · ".join(facts)}</p>')
    return f'<header class="title-block">{"".join(lines)}</header>'


def _pdf_link(href: str) -> str:
    return f'<a class="pdf-link" href="{escape(href)}">Report as PDF</a>'


def _copy(source: Path, target: Path) -> None:
    if target.is_file() and target.read_bytes() == source.read_bytes():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
