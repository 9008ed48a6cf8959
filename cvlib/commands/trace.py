"""`cvlib trace`: which runs a number, a table or a figure of the report comes from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cvlib.freeze.trace_place import Place
    from cvlib.freeze.trace_runs import RunFacts, RunFinder

_MOST_RUNS = 12  # that are listed one by one


def trace(
    what: Annotated[
        str,
        typer.Argument(
            metavar="VALUE|LABEL", help="As it stands in the report: 91.6%, 91.6 ± 1.2%, fig-exp02."
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say where the report shows a value, a table or a figure, and which runs it comes from.

    Of each place: chapter, line, heading, the expression that made it, the runs with their state,
    and the command that makes them again. Reads the frozen chapters; executes nothing.

    Example: cvlib trace "91.6 ± 1.2%"
    """
    from cvlib.engine.book import read_book
    from cvlib.freeze.freshness import Freshness, ProjectInputs
    from cvlib.freeze.trace import trace as find
    from cvlib.freeze.trace_runs import RunFinder
    from cvlib.project import find_project

    layout = find_project(profile="default")  # the profile that is frozen
    freshness = Freshness(read_book(layout.root), ProjectInputs(layout))
    places = find(layout, what, freshness.why_execute)
    runs = RunFinder(layout)
    if as_json:
        found = [_as_json(place, runs.facts(place.runs), runs) for place in places]
        typer.echo(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        typer.echo("\n\n".join(_text(place, runs.facts(place.runs), runs) for place in places))


def _as_json(place: Place, facts: list[RunFacts], runs: RunFinder) -> dict[str, object]:
    from dataclasses import asdict

    again = [*runs.commands(facts), _render(place)]
    return {**asdict(place), "runs": [run.as_json() for run in facts], "commands": again}


def _text(place: Place, facts: list[RunFacts], runs: RunFinder) -> str:
    where = f"{place.file}:{place.line}" if place.line else place.file
    heading = f", below “{place.heading}”" if place.heading else ""
    lines = [f"{place.shown}  {where}{heading}"]
    if place.expression:
        lines.append(f"  made by   {place.expression}")
    if place.source:
        lines.append(f"  said in   {place.source}")
    if facts:
        lines.append(f"  from      {len(facts)} run{'s' * (len(facts) != 1)}")
        lines += [f"    {line}" for line in _runs(facts)]
    elif not place.source:
        lines.append("  from      no run: nothing in it is computed from results")
    again = runs.commands(facts)
    lines += [f"  {'again' if n == 0 else '':<9} {line}" for n, line in enumerate(again)]
    if place.stale:
        lines.append(f"  note      the frozen chapter is not true: {place.stale}; {_render(place)}")
    return "\n".join(lines)


def _runs(facts: list[RunFacts]) -> list[str]:
    """A line a run; of many, a line a variant."""
    if len(facts) <= _MOST_RUNS:
        return _in_columns(
            [[_name(run), f"seed {run.seed}", run.key[:10], *_how(run)] for run in facts]
        )
    grouped: dict[tuple[str, ...], list[RunFacts]] = {}
    for run in facts:
        grouped.setdefault((_name(run), run.state, run.commit or ""), []).append(run)
    return _in_columns(
        [
            [_name(runs[0]), " ".join(run.key[:10] for run in runs), *_how(runs[0])]
            for runs in grouped.values()
        ]
    )


def _name(run: RunFacts) -> str:
    return f"{run.experiment}/{run.variant}" if run.experiment else "unknown"


def _how(run: RunFacts) -> list[str]:
    from cvlib.journal import numbers

    state = run.state + (f" ({run.reason})" if run.reason else "")
    seconds = numbers.duration(run.seconds) if run.seconds is not None else ""
    return [seconds, f"commit {run.commit}" if run.commit else "", state]


def _in_columns(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _render(place: Place) -> str:
    from pathlib import Path

    return f"cvlib render {Path(place.file).stem}"
