"""`cvlib prune`: delete runs that no experiment asks for."""

from __future__ import annotations

from typing import Annotated

import typer

from cvlib.commands.options import ProfileOption


def prune(
    profile: ProfileOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete stored runs that no experiment asks for any more.

    Example: cvlib prune
    """
    from cvlib.project import find_project
    from cvlib.results.store import Store

    project = find_project(profile=profile and profile.value)
    store = Store(project.runs)
    wanted = [run for name in project.experiment_ids() for run in project.plan(name).runs]
    if any(run.dataset_fingerprint is None for run in wanted):
        typer.echo(
            "cvlib: some data is not here, so keys are unknown; `cvlib data` first", err=True
        )
        raise typer.Exit(2)
    doomed = project.inspector.unreferenced(wanted)
    for key in doomed:
        typer.echo(f"{store.root.name}/{key[:12]}…")
    if not doomed:
        typer.echo("nothing to delete")
    elif yes or typer.confirm(f"delete {len(doomed)} runs?"):
        for key in doomed:
            store.remove(key)
