"""The one command, `cvlib`. Each verb imports what it needs when it runs: start-up stays quick."""

from __future__ import annotations

import json
import sys
from enum import Enum
from typing import Annotated

import typer

from cvlib.commands.check import check
from cvlib.commands.init import init
from cvlib.commands.new import new
from cvlib.commands.preview import preview
from cvlib.commands.reviewed import reviewed
from cvlib.commands.trace import trace
from cvlib.weights_cli import app as weights_app

app = typer.Typer(
    help="Experiment journals for computer vision that are computed, not written up.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.add_typer(weights_app, name="weights")


class Profile(str, Enum):
    """Sizes of the study."""

    quick = "quick"
    default = "default"
    full = "full"


class Rerun(str, Enum):
    """What to train besides the missing."""

    code = "code"
    environment = "environment"
    failed = "failed"
    skipped = "skipped"
    all = "all"


class Target(str, Enum):
    """What to render."""

    pdf = "pdf"
    html = "html"
    all = "all"


class Engine(str, Enum):
    """Who renders."""

    auto = "auto"
    quarto = "quarto"
    embedded = "embedded"


Experiments = Annotated[
    list[str] | None, typer.Argument(metavar="[EXP]...", help="Experiment ids; all when left out.")
]
ProfileOption = Annotated[
    Profile | None,
    typer.Option(help="Size of the study; else CVLIB_PROFILE or QUARTO_PROFILE, else default."),
]


@app.command()
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
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", help="Only say what went wrong.")] = False,
) -> None:
    """Train what is missing or stale. Ctrl-C is safe: the next call goes on.

    Example: cvlib run exp01 --workers 2
    """
    from cvlib.studies.progress import View
    from cvlib.studies.project import find_layout
    from cvlib.studies.run import run_experiments

    layout = find_layout(profile=profile and profile.value)
    view = View(sys.stderr, quiet=quiet)
    summary = run_experiments(
        layout,
        experiments or (),
        workers=workers,
        threads=threads,
        device=device,
        rerun=rerun and rerun.value,
        variants=variant or (),
        view=view,
    )
    if summary.interrupted:
        raise typer.Exit(130)
    if not quiet:
        _say_what_is_left(layout, experiments or (), variant or (), summary.done)
    if summary.failed:
        raise typer.Exit(1)


def _say_what_is_left(
    layout: object,
    experiments: list[str] | tuple[()],
    variants: list[str] | tuple[()],
    done: list[str],
) -> None:
    from cvlib.studies.project import Layout
    from cvlib.studies.run import inspect

    assert isinstance(layout, Layout)
    statuses = inspect(layout, experiments, variants)
    left = [s for s in statuses if s.state not in ("fresh", "skipped")]
    typer.echo(f"{len(done)} trained; {'all is fresh' if not left else f'{len(left)} not fresh:'}")
    for cue in ("code", "environment"):
        if count := sum(s.state == "stale" and s.cue == cue for s in left):
            typer.echo(f"  {count} stale by {cue}: `cvlib run --rerun {cue}` trains them again")
    if skipped := [s for s in statuses if s.state == "skipped"]:
        names = sorted({f"{s.planned.experiment}/{s.planned.variant}" for s in skipped})
        typer.echo(
            f"  {len(skipped)} skipped, their weights cannot be had here: {', '.join(names)}\n"
            "  `cvlib weights list` says why; where there is internet, `cvlib weights fetch`"
        )
    for status in left:
        if status.state == "failed":
            typer.echo(f"  failed: {status.planned.name}: {status.reason}")


@app.command()
def status(
    experiments: Experiments = None,
    profile: ProfileOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say of each run whether it is fresh, and of each chapter whether it is frozen and true.

    Exits with 0 only if all is fresh, apart from what is skipped.

    Example: cvlib status exp01
    """
    from cvlib.publish.chapter_status import chapter_statuses, statuses_text
    from cvlib.publish.freshness import ProjectInputs
    from cvlib.studies.project import find_layout
    from cvlib.studies.report import status_text

    layout = find_layout(profile=profile and profile.value)
    inputs = ProjectInputs(layout)
    reader = inputs.reader.experiments
    plans = [reader.plan(name) for name in experiments or layout.experiment_ids()]
    statuses = [reader.statuses(plan.experiment.id) for plan in plans]
    chapters = chapter_statuses(layout, inputs, experiments or ())
    # a run that is skipped for want of weights has no result that could be stale
    all_fresh = all(s.state in ("fresh", "skipped") for group in statuses for s in group)
    all_true = all(chapter.reason is None for chapter in chapters)
    wanted = [run for plan in plans for run in plan.runs]
    unused = [] if experiments else reader.inspector.unreferenced(wanted)
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
            typer.echo(f"{len(unused)} stored runs that no experiment asks for; `cvlib prune`")
    raise typer.Exit(0 if all_fresh and all_true else 1)


@app.command()
def prune(
    profile: ProfileOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete stored runs that no experiment asks for any more.

    Example: cvlib prune
    """
    from cvlib.results.store import Store
    from cvlib.studies.project import find_layout
    from cvlib.studies.run import make_plans
    from cvlib.studies.status import Inspector

    layout = find_layout(profile=profile and profile.value)
    store = Store(layout.runs)
    wanted = [run for plan in make_plans(layout) for run in plan.runs]
    if any(run.dataset_fingerprint is None for run in wanted):
        typer.echo(
            "cvlib: some data is not here, so keys are unknown; `cvlib data` first", err=True
        )
        raise typer.Exit(2)
    doomed = Inspector(store).unreferenced(wanted)
    for key in doomed:
        typer.echo(f"{store.root.name}/{key[:12]}…")
    if not doomed:
        typer.echo("nothing to delete")
    elif yes or typer.confirm(f"delete {len(doomed)} runs?"):
        for key in doomed:
            store.remove(key)


@app.command()
def render(
    chapters: Annotated[
        list[str] | None,
        typer.Argument(metavar="[CHAPTER]...", help="Such as exp01 or report/exp01.qmd; else all."),
    ] = None,
    to: Annotated[Target, typer.Option(help="What to make.")] = Target.all,
    engine: Annotated[
        Engine, typer.Option(help="auto: Quarto if QUARTO or PATH has it, else embedded.")
    ] = Engine.auto,
    profile: ProfileOption = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Execute every chapter, frozen or not.")
    ] = False,
) -> None:
    """Train what is missing, then make the PDF and the HTML.

    A chapter whose text, results and code are unchanged is not executed again.

    Example: cvlib render exp01 --to html
    """
    from cvlib.publish.report import render_report

    code = render_report(
        chapters or [],
        to=to.value,
        engine=engine.value,
        profile=profile and profile.value,
        fresh=fresh,
    )
    raise typer.Exit(code)


@app.command()
def data(
    name: Annotated[
        str | None,
        typer.Argument(help="cifar10, imagefolder:PATH, …; all that the experiments use, if none."),
    ] = None,
    profile: ProfileOption = None,
) -> None:
    """Fetch datasets and say what is in them: images, classes, sizes, unreadable files.

    Example: cvlib data imagefolder:pictures/birds
    """
    from cvlib.data.inventory import describe
    from cvlib.data.inventory_text import inventory_text
    from cvlib.data.load import fetch
    from cvlib.data.spec import DatasetSpec
    from cvlib.studies.project import find_layout
    from cvlib.studies.run import make_plans

    layout = find_layout(profile=profile and profile.value)
    if name:
        specs = [DatasetSpec(name=name)]
    else:
        runs = [run for plan in make_plans(layout) for run in plan.runs]
        specs = list(
            {run.spec.dataset.model_dump_json(): run.spec.dataset for run in runs}.values()
        )
    for spec in specs:
        fetch(spec, layout.data)
        typer.echo(inventory_text(describe(spec, layout.data)))


@app.command()
def dashboard(
    experiment: Annotated[
        str, typer.Argument(metavar="[EXP]", help="An experiment's id.")
    ] = "exp02",
    run: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RUN",
            help="A run's key, or its variant: probe, probe@1 (seed), exp02/probe. Repeat it to "
            "compare. When left out: the best variants of each factor.",
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="On 127.0.0.1.")] = 5151,
    profile: ProfileOption = None,
    export_tags: Annotated[
        bool, typer.Option("--export-tags", help="Only write down the tags given in the App.")
    ] = False,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Do not open a page in the browser.")
    ] = False,
) -> None:
    """Look at an experiment's mistakes in FiftyOne's App. Ctrl-C ends it.

    Samples that are tagged there come back with --export-tags, as a small file that reports read.

    Example: cvlib dashboard exp02 --run probe --run head-first
    """
    from cvlib.dashboard.cli import run_dashboard, run_export
    from cvlib.studies.project import find_layout

    layout = find_layout(profile=profile and profile.value)
    if export_tags and run:
        raise typer.BadParameter("tags are of images, not of runs: leave --run out")
    if export_tags:
        raise typer.Exit(run_export(layout, experiment))
    code = run_dashboard(layout, experiment, run or (), port=port, open_browser=not no_browser)
    raise typer.Exit(code)


@app.command()
def doctor() -> None:
    """Check the machine: Python, packages, device, Quarto, the embedded engine, data, store.

    Example: cvlib doctor
    """
    from cvlib.doctor import examine

    findings = examine()
    for finding in findings:
        typer.echo(finding.line())
    raise typer.Exit(1 if any(f.verdict == "bad" for f in findings) else 0)


for _verb in (preview, check, reviewed, trace, new, init):
    app.command()(_verb)


def main() -> None:
    """Run the command; errors that a person can mend are said in plain words, with exit code 2."""
    try:
        app(standalone_mode=True)
    except Exception as error:
        # cvlib's own errors name the value, what was expected and what to do; others are bugs
        if not type(error).__module__.startswith(("cvlib.", "pydantic_core")):
            raise
        typer.echo(f"cvlib: {error}", err=True)
        raise SystemExit(2) from None
