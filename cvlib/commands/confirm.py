"""`cvlib confirm`: show that a change of code changed no number, without training again."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from cvlib.commands.options import Experiments, ProfileOption


def confirm(
    experiments: Experiments = None,
    profile: ProfileOption = None,
    runs: Annotated[
        int, typer.Option(min=1, help="Repeat at most so many, but one of each kind.")
    ] = 10,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes side by side; one a core when left out.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Only say what went wrong.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Repeat a few runs whose code changed since, and note it if they give the same numbers.

    Nothing stored is touched. Exits with 1 if a number differs, and says which is the first.

    Example: cvlib confirm exp01 --runs 4
    """
    from cvlib.project import find_project
    from cvlib.studies.confirm import confirm as repeat
    from cvlib.studies.progress import ProgressView

    project = find_project(profile=profile and profile.value)
    view = ProgressView(sys.stderr, quiet=quiet, verb="repeating")
    found = repeat(project, experiments or (), runs=runs, workers=workers, view=view)
    if found.interrupted:
        raise typer.Exit(130)
    if as_json:
        typer.echo(json.dumps({"profile": project.profile, **asdict(found)}, indent=1))
    elif found.different:
        typer.echo(f"different: {found.different}")
    elif not found.stale:
        typer.echo("no run is stale by code")
    elif not quiet:
        for name, against in found.repeated.items():
            typer.echo(f"  equal: {name}: {against}")
        for part in found.not_covered:
            typer.echo(f"  not covered: {part} changed, and no repeated run executed it")
        for name, reason in found.skipped.items():
            typer.echo(f"  skipped: {name}: {reason}")
        typer.echo(
            f"{len(found.repeated)} of {found.stale} runs repeated, "
            f"{len(found.covered)} of {len(found.covered) + len(found.not_covered)} changes of code "
            f"executed; {found.fresh} runs are fresh"
        )
    for name, reason in found.failed.items():
        typer.echo(f"failed: {name}: {reason}", err=True)
    if found.different or found.failed:
        raise typer.Exit(1)
