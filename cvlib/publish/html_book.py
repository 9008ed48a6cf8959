"""The HTML book: one page a chapter, everything it needs in its own folder."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from cvlib.publish import pandoc
from cvlib.publish.anchors import Anchors
from cvlib.publish.chapter_tree import ChapterTree
from cvlib.publish.citations import citeproc_arguments, refuse_missing
from cvlib.publish.crossref import Index, build_index, prefixes, relative, resolve_calls
from cvlib.publish.errors import PublishError
from cvlib.publish.html_blocks import page_blocks
from cvlib.publish.html_navigation import neighbours, sidebar
from cvlib.publish.pictures import pictures_of
from cvlib.publish.project import Project

ASSETS = ("journal.css", "journal.js")


def write_book(project: Project, chapters: Sequence[ChapterTree], outdir: Path) -> None:
    """Write pages, pictures, style sheet and script below `outdir`."""
    index = build_index(chapters)
    Anchors(chapters).refuse_broken_links()
    # All pages are made before the first is written: an error leaves the old book whole.
    with ThreadPoolExecutor(max_workers=4) as pool:
        pages = list(pool.map(lambda c: _page(project, chapters, c, index, outdir), chapters))
    pictures = [list(pictures_of(chapter, project.root)) for chapter in chapters]
    for found in pictures:
        for picture in found:
            _copy(picture.path, outdir / picture.place)
    _write_assets(project, outdir)
    for chapter, page in zip(chapters, pages, strict=True):
        path = outdir / chapter.page
        path.parent.mkdir(parents=True, exist_ok=True)
        staged = path.with_name(path.name + ".part")
        staged.write_text(page, encoding="utf-8")
        staged.replace(path)


def _page(
    project: Project,
    chapters: Sequence[ChapterTree],
    chapter: ChapterTree,
    index: Index,
    outdir: Path,
) -> str:
    options = project.formats["html"].options if "html" in project.formats else {}
    before = prefixes(project.crossref)
    chapter.blocks = resolve_calls(chapter.blocks, chapter, index, before, "html")
    titles = {
        kind: str(project.crossref[f"{kind}-title"])
        for kind in ("fig", "tbl")
        if f"{kind}-title" in project.crossref
    }
    arguments = ["--to", "html5", "--mathml", "--wrap", "none"]
    document = {
        "pandoc-api-version": [1, 23, 1],
        "meta": {},
        "blocks": page_blocks(chapter, titles, options.get("code-fold")),
    }
    body, warnings = pandoc.write(document, [*arguments, *citeproc_arguments([chapter], project)])
    refuse_missing(warnings, [chapter], project)
    return _filled(project, chapters, chapter, body, outdir)


def _filled(
    project: Project,
    chapters: Sequence[ChapterTree],
    chapter: ChapterTree,
    body: str,
    outdir: Path,
) -> str:
    book = project.book
    home = chapter is chapters[0]
    pdf = f"{book.output_file}.pdf"
    has_pdf = (outdir / pdf).is_file() or (project.output_dir / pdf).is_file()
    name = escape(chapter.title_text)
    return _template("page.html").substitute(
        lang=escape(project.lang),
        title=f"{escape(book.title)}" if home else f"{name} – {escape(book.title)}",
        description=escape(book.description or book.subtitle or book.title),
        author=escape(", ".join(book.authors)),
        own_styles=_own_styles(project, chapter),
        base=escape(relative("assets", chapter.page)),
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


def _byline(project: Project) -> str:
    return escape(", ".join(project.book.authors))


def _title_block(project: Project) -> str:
    book = project.book
    lines = [f'<p class="book-name">{escape(book.title)}</p>']
    if book.subtitle:
        lines.append(f'<p class="book-subtitle">{escape(book.subtitle)}</p>')
    facts = [escape(text) for text in (", ".join(book.authors), book.date) if text]
    lines.append(f'<p class="book-facts">{" · ".join(facts)}</p>')
    return f'<header class="title-block">{"".join(lines)}</header>'


def _pdf_link(href: str) -> str:
    return f'<a class="pdf-link" href="{escape(href)}">Report as PDF</a>'


def _template(name: str) -> Template:
    return Template((files("cvlib.publish") / "assets" / name).read_text(encoding="utf-8"))


def _own_styles(project: Project, chapter: ChapterTree) -> str:
    return "\n".join(
        f'<link rel="stylesheet" href="{escape(relative(f"assets/{path.name}", chapter.page))}">'
        for path in _style_sheets(project)
    )


def _style_sheets(project: Project) -> list[Path]:
    """Return the project's own style sheets: `format: html: css`, read after ours."""
    options = project.formats["html"].options if "html" in project.formats else {}
    given = options.get("css") or []
    paths = [project.root / name for name in ([given] if isinstance(given, str) else given)]
    for path in paths:
        if not path.is_file():
            raise PublishError(f"the style sheet {path.name!r} is not there", file="_quarto.yml")
    return paths


def _write_assets(project: Project, outdir: Path) -> None:
    folder = outdir / "assets"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ASSETS:
        text = (files("cvlib.publish") / "assets" / name).read_text(encoding="utf-8")
        (folder / name).write_text(text, encoding="utf-8")
    for path in _style_sheets(project):
        _copy(path, folder / path.name)


def _copy(source: Path, target: Path) -> None:
    if target.is_file() and target.read_bytes() == source.read_bytes():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
