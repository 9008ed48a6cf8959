"""`cvlib preview`: the HTML book in the browser, up to date with every save."""

from __future__ import annotations

from typing import Annotated

import typer

from cvlib.commands.options import NoBrowserOption, ProfileOption


def preview(
    port: Annotated[int, typer.Option(min=1, max=65535, help="On 127.0.0.1.")] = 4848,
    profile: ProfileOption = None,
    train: Annotated[
        bool, typer.Option("--train", help="Train what is missing, beside the preview.")
    ] = False,
    no_browser: NoBrowserOption = False,
) -> None:
    """Show the report as HTML, and again with every save. Ctrl-C ends it.

    A chapter's cells run when they, its results or the code behind them changed; errors stand on
    the page. Trains nothing unless asked; shows how far a training in another terminal is.

    Example: cvlib preview --no-browser
    """
    from cvlib.preview.run import run_preview
    from cvlib.project import find_project

    project = find_project(profile=profile and profile.value)
    run_preview(project, port=port, open_browser=not no_browser, train=train)
