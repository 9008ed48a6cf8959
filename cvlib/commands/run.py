"""`cvlib run`: train what is missing or stale."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from cvlib.commands.options import Experiments, ProfileOption

if TYPE_CHECKING:
    from cvlib.project import Project
    from cvlib.settle import Train
    from cvlib.studies.run import RunSummary
    from cvlib.studies.status import RunStatus


class Rerun(str, Enum):
    """What to train besides the missing."""

    code = "code"
    environment = "environment"
    failed = "failed"
    skipped = "skipped"
    all = "all"


def run(
    experiments: Experiments = None,
    profile: ProfileOption = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes side by side; one a core when left out.")
    ] = None,
    threads: Annotated[
        int, typer.Option(min=1, help="Threads of each process; more change the last bits.")
    ] = 1,
    rerun: Annotated[
        Rerun | None, typer.Option(help="Train these again, too: stale by code, …, or all.")
    ] = None,
    variant: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Only these runs: probe, probe@1 (seed), exp02/probe, or a run's key. Repeat it "
            "for several; with --rerun all they are trained again.",
        ),
    ] = None,
    settle: Annotated[
        str | None,
        typer.Option(
            metavar="HYPOTHESIS",
            help="Add seeds until this hypothesis is decided, by looks whose error is 5% together.",
        ),
    ] = None,
    budget: Annotated[
        str | None, typer.Option(help="Time that --settle may take: 90s, 60m, 2h; 60m if left out.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", help="Only say what went wrong.")] = False,
) -> None:
    """Train what is missing or stale. Ctrl-C is safe: the next call goes on.

    Example: cvlib run exp01 --workers 2
    """
    from cvlib.project import ProjectError, find_project
    from cvlib.studies.executors import default_workers
    from cvlib.studies.progress import ProgressView
    from cvlib.studies.run import inspect, run_experiments

    project = find_project(profile=profile and profile.value)

    def train(experiments: Sequence[str], variants: Sequence[str], again: str | None) -> RunSummary:
        return run_experiments(
            project,
            experiments,
            workers=workers,
            threads=threads,
            device=device,
            rerun=again,
            variants=variants,
            view=ProgressView(sys.stderr, quiet=quiet),
        )

    if settle is None and budget is not None:
        raise ProjectError("--budget is the time that --settle may take; say which hypothesis")
    if settle is not None:
        if experiments or rerun or variant:
            raise ProjectError(
                f"--settle {settle} chooses its runs itself: leave experiments, --rerun and "
                "--variant out"
            )
        _settle(project, settle, budget or "60m", train, workers or default_workers(device), quiet)
    summary = train(experiments or (), variant or (), rerun and rerun.value)
    if summary.interrupted:
        raise typer.Exit(130)
    if not quiet:
        typer.echo(f"{len(summary.done)} trained; ", nl=False)
        _say_what_is_left(inspect(project, experiments or (), variant or ()))
    if summary.stopped and not quiet:
        typer.echo("Of what was stopped nothing is lost: the next `cvlib run` goes on.")
    if summary.failed or summary.stopped:
        raise typer.Exit(1)


def _settle(
    project: Project, name: str, budget: str, train: Train, workers: int, quiet: bool
) -> NoReturn:
    from cvlib.settle import seconds_of, settle

    def say(text: str) -> None:
        if not quiet:
            typer.echo(text)

    decided = settle(project, name, seconds_of(budget), train, say, workers)
    raise typer.Exit(130 if decided is None else 0 if decided else 1)


def _say_what_is_left(statuses: list[RunStatus]) -> None:
    left = [s for s in statuses if s.state not in ("fresh", "skipped")]
    typer.echo("all is fresh" if not left else f"{len(left)} not fresh:")
    for cue in ("code", "environment"):
        if count := sum(s.state == "stale" and s.cue == cue for s in left):
            remedy = f"`cvlib run --rerun {cue}` trains them again"
            remedy += ", `cvlib confirm` shows whether a number changed"
            typer.echo(f"  {count} stale by {cue}: {remedy}")
    if skipped := [s for s in statuses if s.state == "skipped"]:
        names = sorted({f"{s.planned.experiment}/{s.planned.variant}" for s in skipped})
        typer.echo(
            f"  {len(skipped)} skipped, their weights cannot be had here: {', '.join(names)}\n"
            "  `cvlib weights list` says why; where there is internet, `cvlib weights fetch`"
        )
    for status in left:
        if status.state == "failed":
            typer.echo(f"  failed: {status.planned.name}: {status.reason}")
