"""`cvlib reviewed`: a person has read a chapter's interpretation beside its results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def reviewed(
    chapters: Annotated[
        list[str],
        typer.Argument(metavar="CHAPTER...", help="Such as exp02, index, summary or all."),
    ],
) -> None:
    """Note that the interpretation in these chapters was read beside the results as they are now.

    Writes the results' fingerprints into `::: {.interpretation reviewed="…"}`. When results change,
    the block is marked in the HTML and fails `cvlib check`, until it is read again.

    Example: cvlib reviewed exp02
    """
    from cvlib.freeze.interpretation import book_files, mark_reviewed
    from cvlib.freeze.render import resolve_chapter
    from cvlib.project import find_project

    project = find_project(profile="default")  # the text is that of the shipped study
    everything = chapters == ["all"]
    files = (
        [file for file in book_files(project) if _has_blocks(project.root / file)]
        if everything
        else [resolve_chapter(project, name) for name in chapters]
    )
    for file in files:
        changed = mark_reviewed(project, file)
        typer.echo(f"{file}: {changed} marked" if changed else f"{file}: was up to date")


def _has_blocks(path: Path) -> bool:
    from cvlib.freeze.interpretation import blocks_in

    return any(blocks_in(path.name, path.read_text(encoding="utf-8")))
