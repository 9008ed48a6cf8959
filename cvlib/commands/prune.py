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
    from cvlib.studies.run import make_plans
    from cvlib.studies.status import Inspector

    layout = find_project(profile=profile and profile.value)
    store = Store(layout.runs)
    wanted = [run for plan in make_plans(layout) for run in plan.runs]
    if any(run.dataset_fingerprint is None for run in wanted):
        typer.echo(
            "cvlib: some data is not here, so keys are unknown; `cvlib data` first", err=True
        )
        raise typer.Exit(2)
    doomed = Inspector(store).unreferenced(wanted)
    for key in doomed:
        typer.echo(f"{store.root.name}/{key[:12]}…")
    if not doomed:
        typer.echo("nothing to delete")
    elif yes or typer.confirm(f"delete {len(doomed)} runs?"):
        for key in doomed:
            store.remove(key)
