"""`cvlib dashboard`: an experiment's mistakes in FiftyOne."""

from __future__ import annotations

from typing import Annotated

import typer

from cvlib.commands.options import NoBrowserOption, ProfileOption


def dashboard(
    experiment: Annotated[
        str, typer.Argument(metavar="[EXP]", help="An experiment's id.")
    ] = "exp02",
    run: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RUN",
            help="A run's key, or its variant: probe, probe@1 (seed), exp02/probe. Repeat it to "
            "compare. When left out: the best variants of each factor.",
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="On 127.0.0.1.")] = 5151,
    profile: ProfileOption = None,
    export_tags: Annotated[
        bool, typer.Option("--export-tags", help="Only write down the tags given in the App.")
    ] = False,
    no_browser: NoBrowserOption = False,
) -> None:
    """Look at an experiment's mistakes in FiftyOne's App. Ctrl-C ends it.

    Samples that are tagged there come back with --export-tags, as a small file that reports read.

    Example: cvlib dashboard exp02 --run probe --run head-first
    """
    from cvlib.dashboard.cli import run_dashboard, run_export
    from cvlib.project import find_project

    layout = find_project(profile=profile and profile.value)
    if export_tags and run:
        raise typer.BadParameter("tags are of images, not of runs: leave --run out")
    if export_tags:
        raise typer.Exit(run_export(layout, experiment))
    code = run_dashboard(layout, experiment, run or (), port=port, open_browser=not no_browser)
    raise typer.Exit(code)
