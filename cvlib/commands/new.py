"""`cvlib new`: the YAML and the chapter of one more experiment."""

from __future__ import annotations

from typing import Annotated

import typer


def new(
    name: Annotated[
        str | None, typer.Argument(help="Such as exp06; the next free number when left out.")
    ] = None,
    original: Annotated[
        str | None, typer.Option("--from", metavar="EXP", help="Copy this experiment.")
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(help="cifar10, imagefolder:PATH, …; else that of the first experiment."),
    ] = None,
    title: Annotated[str | None, typer.Option(help="Its title; else to be written.")] = None,
) -> None:
    """Make an experiment: its YAML, a chapter to fill in, and its line in _quarto.yml.

    Example: cvlib new exp06 --from exp01 --title "Deeper networks"
    """
    from cvlib.project import find_project
    from cvlib.starting.experiment import new_experiment

    made = new_experiment(find_project(), name, original=original, dataset=dataset, title=title)
    if made.data:
        typer.echo(made.data)
    typer.echo(
        f"experiments/{made.name}.yaml   {made.runs} runs; write its question, then its variants\n"
        f"report/{made.name}.qmd         its chapter, with what is to be written\n"
        f"_quarto.yml              lists the chapter\n"
        f"next: cvlib run {made.name} --profile quick; cvlib render {made.name} --to html"
    )
