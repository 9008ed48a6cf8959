"""`cvlib init`: a project of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Empty, or not there yet.")],
    author: Annotated[str, typer.Option(help="First and last name, as in the PDF's name.")],
    dataset: Annotated[
        str, typer.Option(help="imagefolder:PATH, cifar10, …; the digits need no download.")
    ] = "digits",
    title: Annotated[str | None, typer.Option(help="The report's title.")] = None,
    course: Annotated[str | None, typer.Option(help="The course's name.")] = None,
    module: Annotated[str | None, typer.Option(help="The course's module, such as 2.")] = None,
) -> None:
    """Make a new project from this one: its own report and first experiment, no results yet.

    Pictures outside of it are linked below its data/ folder, not copied.

    Example: cvlib init ../birds --author "Ivan Franko" --dataset imagefolder:~/pictures/birds
    """
    from cvlib.starting.project import Words, new_project

    given = {"title": title, "course": course, "module": module}
    words = Words(author, **{name: value for name, value in given.items() if value is not None})
    made = new_project(folder, words, dataset)
    typer.echo(f"{made.data.words}")
    if made.data.link is not None:
        typer.echo(f"linked as {made.data.link.as_posix()}, so that the project can be moved")
    typer.echo(
        f"made {made.root}, whose PDF will be {made.pdf}\n"
        f"next: cd {folder} && make report PROFILE=quick; then write what says 'To write'"
    )
