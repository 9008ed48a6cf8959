"""`cvlib init`: a project of one's own; `cvlib vendor`: another cvlib for it."""

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
    title: Annotated[str, typer.Option(help="The report's title.")] = "Experiment journal",
    course: Annotated[str | None, typer.Option(help="The course's name.")] = None,
    module: Annotated[str | None, typer.Option(help="The course's module, such as 2.")] = None,
) -> None:
    """Make a new project: a report, a first experiment, and this cvlib as a wheel that it requires.

    Pictures outside of it are linked below its data/ folder, not copied.

    Example: cvlib init ../birds --author "Ivan Franko" --dataset imagefolder:~/pictures/birds
    """
    from cvlib.starting.project import new_project

    made = new_project(folder, author, dataset, title=title, course=course, module=module)
    typer.echo(made.data.words)
    if made.data.link is not None:
        typer.echo(f"linked as {made.data.link.as_posix()}, so that the project can be moved")
    typer.echo(
        f"made {made.root}, whose PDF will be {made.pdf}\n"
        f"next: cd {folder} && make report PROFILE=quick; then write what says 'To write'"
    )


def vendor() -> None:
    """Let the project require the cvlib that this command is of: its wheel goes into vendor/.

    That is how a project gets a newer cvlib: the command of that one is called inside the project.

    Example: cvlib vendor
    """
    from cvlib.project import find_project
    from cvlib.starting.wheel import vendor as put

    wheel = put(find_project().root)
    typer.echo(f"vendor/{wheel.name}, required by requirements.txt; `make setup` installs it")
