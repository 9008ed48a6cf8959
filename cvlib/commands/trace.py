"""`cvlib trace`: which runs a number, a table or a figure of the report comes from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cvlib.freeze.trace import RunFacts, TracedPlace

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
    from dataclasses import asdict
    from pathlib import Path

    from cvlib.freeze.freshness import why_execute
    from cvlib.freeze.trace import commands_for, facts_of
    from cvlib.freeze.trace import trace as find
    from cvlib.project import find_project

    project = find_project(profile="default")  # the profile that is frozen
    found, texts = [], []
    for place in find(project, what, lambda chapter: why_execute(project, chapter.file)):
        facts = facts_of(project, place.runs)
        render = f"cvlib render {Path(place.file).stem}"
        again = commands_for(project, facts)
        runs = [asdict(run) for run in facts]
        found.append({**asdict(place), "runs": runs, "commands": [*again, render]})
        texts.append(_text(place, facts, again, render))
    typer.echo(json.dumps(found, indent=1, ensure_ascii=False) if as_json else "\n\n".join(texts))


def _text(place: TracedPlace, facts: list[RunFacts], again: list[str], render: str) -> str:
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
    lines += [f"  {'again' if n == 0 else '':<9} {line}" for n, line in enumerate(again)]
    if place.stale:
        lines.append(f"  note      the frozen chapter is not true: {place.stale}; {render}")
    return "\n".join(lines)


def _runs(facts: list[RunFacts]) -> list[str]:
    """A line a run; of many, a line a variant; in columns."""
    from cvlib.journal import numbers

    rows = []
    grouped: dict[tuple[str, ...], list[RunFacts]] = {}
    for run in facts:
        alone = () if len(facts) > _MOST_RUNS else (run.key,)
        grouped.setdefault((_name(run), run.state, run.commit or "", *alone), []).append(run)
    for runs in grouped.values():
        first = runs[0]
        seed = [] if len(facts) > _MOST_RUNS else [f"seed {first.seed}"]
        rows.append(
            [
                _name(first),
                *seed,
                " ".join(run.key[:10] for run in runs),
                "" if first.seconds is None else numbers.duration(first.seconds),
                f"commit {first.commit}" if first.commit else "",
                first.state + (f" ({first.reason})" if first.reason else ""),
            ]
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _name(run: RunFacts) -> str:
    return f"{run.experiment}/{run.variant}" if run.experiment else "unknown"
