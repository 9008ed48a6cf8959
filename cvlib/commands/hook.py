"""`cvlib hook`: what Quarto starts before and after it renders; not listed in the help."""

from __future__ import annotations

from typing import Annotated

import typer


def hook(stage: Annotated[str, typer.Argument(help="pre or post.")]) -> None:
    """Keep frozen chapters true around a render by Quarto: see `_extensions/journal/hook.lua`.

    Example: cvlib hook pre
    """
    from cvlib.freeze.hook import main

    raise typer.Exit(main([stage]))
