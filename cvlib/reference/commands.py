"""The page on the commands, made from the functions behind them."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import typer
from typer.models import ArgumentInfo, OptionInfo

from cvlib.reference.words import cell

INTRODUCTION = """\
<!-- made by `python -m cvlib.reference` from the commands themselves; do not edit -->

# Commands

`cvlib` stands for `.venv/bin/cvlib`, called anywhere inside the project. Each command explains itself with `--help`.
Exit codes: 0 all is well, 1 something that was asked about is not (not fresh, failed, left out), 2 the command could
not be carried out, and its last line says what to do, 130 Ctrl-C.
"""


def commands_page() -> str:
    """The page as Markdown, commands in the order of `cvlib --help`."""
    from cvlib.cli import app

    return "\n".join([INTRODUCTION, *(_section(name, call) for name, call in _commands(app))])


def _commands(app: typer.Typer, before: str = "cvlib") -> Iterator[tuple[str, Callable[..., Any]]]:
    for command in app.registered_commands:
        assert command.callback is not None
        yield f"{before} {command.name or command.callback.__name__}", command.callback
    for group in app.registered_groups:
        assert group.typer_instance is not None
        yield from _commands(group.typer_instance, f"{before} {group.name}")


def _section(name: str, call: Callable[..., Any]) -> str:
    said, _, example = (inspect.getdoc(call) or "").partition("\n\nExample: ")
    arguments, options = _parameters(call)
    usage = " ".join([name, *(row[0] for row in arguments), *(["[OPTIONS]"] if options else [])])
    lines = [f"## {name}", "", f"`{usage}`", "", said, ""]
    if example:
        lines += ["```bash", example.strip(), "```", ""]
    if rows := [*arguments, *options]:
        lines += ["| | when left out | |", "|:--|:--|:--|"]
        lines += [
            f"| `{cell(what)}` | {cell(default)} | {cell(means)} |" for what, default, means in rows
        ]
        lines.append("")
    return "\n".join(lines)


Row = tuple[str, str, str]  # how it is written, its default, what it means


def _parameters(call: Callable[..., Any]) -> tuple[list[Row], list[Row]]:
    arguments, options = [], []
    hints = typing.get_type_hints(call, include_extras=True)
    for name, parameter in inspect.signature(call).parameters.items():
        kind, info = typing.get_args(hints[name])[:2]
        if isinstance(info, ArgumentInfo):
            many = typing.get_origin(_one(kind)) is list
            written = info.metavar or (f"{name.upper()}..." if many else name.upper())
            if parameter.default is not inspect.Parameter.empty and written[0] != "[":
                written = f"[{written}]"
            arguments.append((written, _default(parameter, kind), info.help or ""))
        else:
            assert isinstance(info, OptionInfo)
            options.append((_option(name, kind, info), _default(parameter, kind), info.help or ""))
    return arguments, options


def _option(name: str, kind: Any, info: OptionInfo) -> str:
    # in an Annotated the first name is still where typer looks for a default
    named = [one for one in (info.default, *(info.param_decls or ())) if str(one).startswith("-")]
    written = str(named[0]) if named else f"--{name.replace('_', '-')}"
    one = _one(kind)
    if one is bool:
        return written
    inner = typing.get_args(one)[0] if typing.get_origin(one) is list else one
    if isinstance(inner, type) and issubclass(inner, Enum):
        value = "|".join(member.value for member in inner)
    else:
        value = info.metavar or {int: "NUMBER", Path: "PATH"}.get(inner, "TEXT")
    return f"{written} {value}" + (" ..." if inner is not one else "")


def _default(parameter: inspect.Parameter, kind: Any) -> str:
    value = parameter.default
    if value is inspect.Parameter.empty:
        return "required"
    if value is None or _one(kind) is bool:
        return ""
    return f"`{value.value if isinstance(value, Enum) else value}`"


def _one(kind: Any) -> Any:
    """The type without `| None`."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return next(one for one in typing.get_args(kind) if one is not type(None))
    return kind
