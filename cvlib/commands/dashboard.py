"""`cvlib dashboard`: an experiment's mistakes in FiftyOne."""

from __future__ import annotations

import sys
from contextlib import ExitStack
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
    from cvlib.dashboard.environment import prepare, writing_alone
    from cvlib.project import find_project

    project = find_project(profile=profile and profile.value)
    if export_tags and run:
        raise typer.BadParameter("tags are of images, not of runs: leave --run out")
    project.experiment_file(experiment)  # a wrong name is said at once
    if export_tags:
        # of the dashboard as it was last opened; one that is open meanwhile goes on
        prepare(project)
        from cvlib.dashboard.dataset import existing_dataset
        from cvlib.dashboard.tags import export_tags as export

        with writing_alone(project):
            path = export(existing_dataset(project, experiment), project, experiment)
        print(f"tags: {path.relative_to(project.root)}")
        return

    from cvlib.dashboard.serve import Server, Stopped, check_free, stopping_in_order

    check_free(port)
    try:
        with stopping_in_order():
            from cvlib.dashboard.content import gather

            content = gather(project, experiment, run or ())
            prepare(project)
            print("dashboard: starting FiftyOne …", file=sys.stderr, flush=True)
            with ExitStack() as started:
                with writing_alone(project):
                    # it starts while the dataset is made
                    server = started.enter_context(Server(port))
                    from cvlib.dashboard.dataset import open_dataset

                    dataset = open_dataset(content, project)
                server.serve(dataset.name, open_browser=not no_browser)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except Stopped as stopped:
        raise typer.Exit(128 + stopped.number) from None
