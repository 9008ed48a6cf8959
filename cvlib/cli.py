"""The one command, `cvlib`. Its verbs lie in `commands`; each imports what it needs when it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, Annotated, Any

import typer

from cvlib.commands.check import check
from cvlib.commands.confirm import confirm
from cvlib.commands.dashboard import dashboard
from cvlib.commands.data import data
from cvlib.commands.docs import docs
from cvlib.commands.doctor import doctor
from cvlib.commands.fsck import fsck
from cvlib.commands.gc import gc
from cvlib.commands.hook import hook
from cvlib.commands.init import init, vendor
from cvlib.commands.new import new
from cvlib.commands.preview import preview
from cvlib.commands.render import render
from cvlib.commands.reviewed import reviewed
from cvlib.commands.run import run
from cvlib.commands.status import status
from cvlib.commands.trace import trace
from cvlib.errors import CvlibError, fault_of_the_machine
from cvlib.terminal import printable
from cvlib.weights_cli import app as weights_app

_echo = typer.echo


def _echo_printable(
    message: Any = "",
    file: IO[Any] | None = None,
    nl: bool = True,
    err: bool = False,
    color: bool | None = None,
) -> None:
    _echo(printable(message), file, nl, err, color)


typer.echo = _echo_printable  # every verb says what it says with this

app = typer.Typer(
    help="Experiment journals for computer vision that are computed, not written up.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(weights_app, name="weights")
_VERBS: tuple[Callable[..., None], ...] = (
    *(
        run,
        status,
        confirm,
        fsck,
        gc,
        render,
        data,
        dashboard,
        doctor,
        preview,
        check,
        reviewed,
        trace,
    ),
    *(new, init, vendor, docs),
)
for _verb in _VERBS:
    app.command()(_verb)
app.command(hidden=True)(hook)


def _say_version(is_asked: bool) -> None:
    if is_asked:
        from cvlib.starting.wheel import DISTRIBUTION, code_version

        typer.echo(f"{DISTRIBUTION} {code_version()}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Say which this is."),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command; errors that a person can mend are said in plain words, with exit code 2."""
    try:
        app(standalone_mode=True)
    except Exception as error:
        from pydantic import ValidationError

        is_told = isinstance(error, (CvlibError, ValidationError))
        words = str(error) if is_told else fault_of_the_machine(error)
        if not words:
            raise  # a bug
        typer.echo(f"cvlib: {words}", err=True)
        raise SystemExit(2) from None
