"""`cvlib check`: may this be handed in?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def check(
    pdf: Annotated[
        Path | None,
        typer.Argument(
            metavar="[PDF]", help="The file to hand in; else the output of _quarto.yml."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Check the PDF and what it rests on against the course's rules, before it is handed in.

    Says of each rule that is broken where, and what to do. Exits with 0 only if none is.

    Example: cvlib check
    """
    from cvlib.check.check_report import check_report
    from cvlib.project import find_project

    report = check_report(find_project(), pdf)
    if as_json:
        typer.echo(json.dumps(report.as_json(), indent=1, ensure_ascii=False))
    else:
        typer.echo(report.text())
    raise typer.Exit(0 if report.ok else 1)
