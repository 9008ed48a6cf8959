"""`cvlib data`: what a dataset holds."""

from __future__ import annotations

from typing import Annotated

import typer

from cvlib.commands.options import ProfileOption


def data(
    name: Annotated[
        str | None,
        typer.Argument(help="cifar10, imagefolder:PATH, …; all that the experiments use, if none."),
    ] = None,
    profile: ProfileOption = None,
) -> None:
    """Fetch datasets and say what is in them: images, classes, sizes, unreadable files.

    Example: cvlib data imagefolder:pictures/birds
    """
    from cvlib.data.inventory import inventory
    from cvlib.data.load import fetch
    from cvlib.data.spec import named_dataset
    from cvlib.project import find_project

    project = find_project(profile=profile and profile.value)
    if name is not None:
        specs = [named_dataset(name)]
    else:
        runs = [run for name in project.experiment_ids() for run in project.plan(name).runs]
        specs = list(
            {run.spec.dataset.model_dump_json(): run.spec.dataset for run in runs}.values()
        )
    for spec in specs:
        fetch(spec, project.data)
        typer.echo(inventory(spec, project.data))
