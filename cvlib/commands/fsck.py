"""`cvlib fsck`: is everything that is kept as it was written?"""

from __future__ import annotations

import time
from collections import Counter
from typing import Annotated

import typer


def fsck(
    repair: Annotated[
        bool, typer.Option("--repair", help="Mend what needs no training: from git, or made anew.")
    ] = False,
) -> None:
    """Verify all that is kept: results, weights, checkpoints, features, caches, notes, frozen chapters.

    Says of what is damaged which chapters and numbers rest on it, and how it is mended. Exit code 1
    while something is damaged.

    Example: cvlib fsck --repair
    """
    from cvlib.project import find_project
    from cvlib.upkeep import artefacts, damaged, mend, size

    project, start, left = find_project(), time.monotonic(), 0
    found = artefacts(project)
    for artefact, why in damaged(found):
        typer.echo(f"{artefact.kind}: {artefact.name}: {why}")
        if rests := artefact.touches():
            typer.echo(f"  shown in {rests}")
        done = mend(project.root, artefact) if repair else ""
        if not done:
            left += 1
            ways = ["`cvlib fsck --repair` mends it"] if artefact.remade and not repair else []
            ways += (
                [] if repair or artefact.remade else ["`cvlib fsck --repair` restores it from git"]
            )
            done = ", or ".join([*ways, *filter(None, [artefact.remedy])])
        typer.echo(f"  {done}")
    for kind, count in Counter(artefact.kind for artefact in found).items():
        typer.echo(f"{count:6,} {kind}")
    read = size(*(artefact.path for artefact in found))
    typer.echo(
        f"{read / 1e6:,.0f} MB read in {time.monotonic() - start:.1f} s: "
        + (f"{left} damaged" if left else "all is as it was written")
    )
    if left:
        raise typer.Exit(1)
