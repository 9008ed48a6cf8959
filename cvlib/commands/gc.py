"""`cvlib gc`: what nothing refers to any more."""

from __future__ import annotations

from itertools import groupby
from typing import Annotated

import typer


def gc(
    yes: Annotated[bool, typer.Option("--yes", help="Delete it; else it is only shown.")] = False,
) -> None:
    """Show what nothing refers to: runs, checkpoints, features, caches, frozen chapters, leftovers.

    Of all profiles. Nothing is deleted without `--yes`, and never a picture, or a file of weights
    that a model starts from.

    Example: cvlib gc --yes
    """
    from cvlib.project import find_project
    from cvlib.upkeep import size, unused

    project, total, count = find_project(), 0, 0
    things = sorted(unused(project), key=lambda one: (one.kind, one.name))
    for kind, those in groupby(things, key=lambda one: one.kind):
        typer.echo(kind)
        for one in those:
            bytes_ = size(one.path)
            deleted = yes and one.delete()
            in_use = "  in use by now, left" * (yes and not deleted)
            typer.echo(f"  {bytes_ / 1e6:8,.1f} MB  {one.name}{in_use}")
            total, count = total + bytes_, count + (deleted or not yes)
    if not count:
        typer.echo("nothing to delete")
    else:
        what = f"{count} thing{'s' * (count != 1)}, {total / 1e6:,.1f} MB"
        typer.echo(f"deleted {what}" if yes else f"{what}: `cvlib gc --yes` deletes")
