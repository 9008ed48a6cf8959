"""Arguments that several verbs take."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer


class Profile(str, Enum):
    """Sizes of the study."""

    quick = "quick"
    default = "default"
    full = "full"


Experiments = Annotated[
    list[str] | None, typer.Argument(metavar="[EXP]...", help="Experiment ids; all when left out.")
]
ProfileOption = Annotated[
    Profile | None,
    typer.Option(help="Size of the study; else CVLIB_PROFILE or QUARTO_PROFILE, else default."),
]
NoBrowserOption = Annotated[
    bool, typer.Option("--no-browser", help="Do not open a page in the browser.")
]
