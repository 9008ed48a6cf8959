"""`cvlib status`: what is fresh, and what is not and why."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated

import typer

from cvlib.commands.options import Experiments, ProfileOption


def status(
    experiments: Experiments = None,
    profile: ProfileOption = None,
    hypotheses: Annotated[
        bool,
        typer.Option(
            "--hypotheses", help="What the hypotheses' claims are, and what settles them."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say of each run whether it is fresh, and of each chapter whether it is frozen and true.

    Exits with 0 only if all is fresh, apart from what is skipped. Of hypotheses it exits with 0.

    Example: cvlib status exp01
    """
    if hypotheses:
        _say_hypotheses(profile and profile.value, experiments or (), as_json)
        return
    from cvlib.freeze.freshness import chapter_statuses, statuses_text
    from cvlib.project import find_project
    from cvlib.studies.status import status_text

    layout = find_project(profile=profile and profile.value)
    plans = [layout.plan(name) for name in experiments or layout.experiment_ids()]
    statuses = [layout.statuses(plan.experiment.id) for plan in plans]
    chapters = chapter_statuses(layout, experiments or ())
    # a run that is skipped for want of weights has no result that could be stale
    all_fresh = all(s.state in ("fresh", "skipped") for group in statuses for s in group)
    all_true = all(chapter.reason is None for chapter in chapters)
    wanted = [run for plan in plans for run in plan.runs]
    unused = [] if experiments else layout.inspector.unreferenced(wanted)
    if as_json:
        found = {
            "profile": layout.profile,
            "fresh": all_fresh and all_true,
            "runs": [s.as_json() for group in statuses for s in group],
            "chapters": [chapter.as_json() for chapter in chapters],
            "unreferenced": unused,
        }
        typer.echo(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        for plan, group in zip(plans, statuses, strict=True):
            typer.echo(status_text(plan, group))
        if chapters:
            typer.echo(statuses_text(chapters))
        if unused:
            typer.echo(f"{len(unused)} stored runs that no experiment asks for; `cvlib gc`")
    raise typer.Exit(0 if all_fresh and all_true else 1)


def _say_hypotheses(profile: str | None, experiments: Sequence[str], as_json: bool) -> None:
    """Verdict of each hypothesis of these experiments, its claims, and what would settle them."""
    from cvlib import journal
    from cvlib.journal.settling import hypotheses_json, hypotheses_text
    from cvlib.project import find_project

    project = find_project(profile=profile)
    for name in experiments:
        project.experiment_file(name)
    every = list(journal.hypotheses(root=project.root, profile=project.profile))
    asked = [one for one in every if not experiments or one.declared.experiment in experiments]
    if as_json:
        found = {"profile": project.profile, "hypotheses": hypotheses_json(asked)}
        typer.echo(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        typer.echo(hypotheses_text(asked))
