"""Style sheets and scripts of the HTML book: copied beside the pages, and named in their heads."""

from __future__ import annotations

import shutil
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from cvlib.engine.book import Book
from cvlib.engine.crossref import relative
from cvlib.engine.errors import RenderError

STYLES = ("journal.css", "search.css", "figures.css")
# The first one sets the colours, before anything is painted; the others wait for the page.
SCRIPTS = ("journal.js", "search.js", "figures.js", "code.js")


def page_template() -> Template:
    """Return the frame of a page."""
    return Template(_asset("page.html"))


def style_links(project: Book, page: str) -> str:
    """Return the links to our style sheets and the project's own, for the head of `page`."""
    names = [*STYLES, *(path.name for path in _own_style_sheets(project))]
    return "\n".join(
        f'<link rel="stylesheet" href="{escape(relative(f"assets/{name}", page))}">'
        for name in names
    )


def script_tags(page: str) -> str:
    """Return the script elements for the head of `page`."""
    return "\n".join(
        f'<script src="{escape(relative(f"assets/{name}", page))}"{" defer" if place else ""}>'
        "</script>"
        for place, name in enumerate(SCRIPTS)
    )


def write_assets(project: Book, outdir: Path) -> None:
    """Write all of them to `assets/` below `outdir`."""
    folder = outdir / "assets"
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*STYLES, *SCRIPTS):
        (folder / name).write_text(_asset(name), encoding="utf-8")
    for path in _own_style_sheets(project):
        shutil.copyfile(path, folder / path.name)


def _asset(name: str) -> str:
    return (files("cvlib.engine") / "assets" / name).read_text(encoding="utf-8")


def _own_style_sheets(project: Book) -> list[Path]:
    """Return the project's own style sheets: `format: html: css`, read after ours."""
    options = project.formats["html"].options if "html" in project.formats else {}
    given = options.get("css") or []
    paths = [project.root / name for name in ([given] if isinstance(given, str) else given)]
    for path in paths:
        if not path.is_file():
            raise RenderError(f"the style sheet {path.name!r} is not there", file="_quarto.yml")
    return paths
