"""`cvlib render`: the PDF and the HTML."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from cvlib.commands.options import ProfileOption


def render(
    chapters: Annotated[
        list[str] | None,
        typer.Argument(metavar="[CHAPTER]...", help="Such as exp01 or report/exp01.qmd; else all."),
    ] = None,
    to: Annotated[Literal["pdf", "html", "all"], typer.Option(help="What to make.")] = "all",
    engine: Annotated[
        Literal["auto", "quarto", "embedded"],
        typer.Option(help="auto: Quarto if QUARTO or PATH has it, else embedded."),
    ] = "auto",
    profile: ProfileOption = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Execute every chapter, frozen or not.")
    ] = False,
) -> None:
    """Train what is missing, then make the PDF and the HTML.

    A chapter whose text, results and code are unchanged is not executed again. All that is wrong is
    told at once, each with file and line. Of what a cell prints, 1,000,000 characters are kept; what
    its cells leave running is ended with it.

    Example: cvlib render exp01 --to html
    """
    from cvlib.freeze.render import render_report

    code = render_report(
        chapters or [],
        to=to,
        engine=engine,
        profile=profile and profile.value,
        fresh=fresh,
    )
    raise typer.Exit(code)
