"""`cvlib docs`: the documents, which are installed with the library."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import typer

from cvlib.errors import CvlibError

MANUAL = Path(__file__).parents[1] / "manual"


def docs(
    page: Annotated[
        str | None, typer.Argument(help="Such as tutorial; all are listed if none.")
    ] = None,
) -> None:
    """List the documents, or show one: the tutorial, how-tos, every key of an experiment.

    Example: cvlib docs experiment-yaml
    """
    # links on the way are followed: in a checkout the pages are those of docs/
    pages = {path.stem: path for path in (*MANUAL.glob("[a-z]*.md"), *MANUAL.glob("*/*.md"))}
    if page is not None and (name := page.removesuffix(".md")) in pages:
        typer.echo(pages[name].read_text(encoding="utf-8"))
    elif page is not None:
        near = get_close_matches(page, pages, 1, 0) or ["tutorial"]
        raise CvlibError(f"there is no document {page!r}; did you mean {near[0]!r}?")
    else:
        for name, path in sorted(pages.items()):
            title = path.read_text(encoding="utf-8").partition("# ")[2].partition("\n")[0]
            typer.echo(f"{name:<16} {title}")
        typer.echo(f"They lie in {MANUAL}")
