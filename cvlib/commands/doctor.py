"""`cvlib doctor`: what this machine has, and what it lacks."""

from __future__ import annotations

import typer


def doctor() -> None:
    """Check the machine: Python, packages, device, Quarto, the embedded engine, data, store.

    Example: cvlib doctor
    """
    from cvlib.doctor import examine

    findings = examine()
    for finding in findings:
        typer.echo(finding.line())
    raise typer.Exit(1 if any(f.verdict == "bad" for f in findings) else 0)
