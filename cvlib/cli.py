"""The one command, `cvlib`. Its verbs lie in `commands`; each imports what it needs when it runs."""

from __future__ import annotations

import typer

from cvlib.commands.check import check
from cvlib.commands.dashboard import dashboard
from cvlib.commands.data import data
from cvlib.commands.doctor import doctor
from cvlib.commands.init import init
from cvlib.commands.new import new
from cvlib.commands.preview import preview
from cvlib.commands.prune import prune
from cvlib.commands.render import render
from cvlib.commands.reviewed import reviewed
from cvlib.commands.run import run
from cvlib.commands.status import status
from cvlib.commands.trace import trace
from cvlib.errors import CvlibError
from cvlib.weights_cli import app as weights_app

app = typer.Typer(
    help="Experiment journals for computer vision that are computed, not written up.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.add_typer(weights_app, name="weights")

for _verb in (
    run,
    status,
    prune,
    render,
    data,
    dashboard,
    doctor,
    preview,
    check,
    reviewed,
    trace,
    new,
    init,
):
    app.command()(_verb)


def main() -> None:
    """Run the command; errors that a person can mend are said in plain words, with exit code 2."""
    try:
        app(standalone_mode=True)
    except Exception as error:
        from pydantic import ValidationError

        if not isinstance(error, (CvlibError, ValidationError)):
            raise  # a bug
        typer.echo(f"cvlib: {error}", err=True)
        raise SystemExit(2) from None
