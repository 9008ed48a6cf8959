"""`cvlib run --settle H6`: add seeds until a hypothesis is decided, or the time is spent.

Each round is a look: judge at the look's level (`analysis.settling`), and where that leaves it open
write the seeds that are forecast to settle it into `more_seeds` of the experiments' YAML, and train
them. A look counts once its runs are complete; until then the report says that it was not taken.
What was interrupted goes on with the next call, since the seeds stay in the YAML.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvlib.analysis.settling import next_look
from cvlib.files import replace_text
from cvlib.journal import hypotheses, numbers
from cvlib.journal.settling import claim_text, outlooks, training_seconds
from cvlib.journal.words import counted
from cvlib.project import Project, ProjectError
from cvlib.starting import StartError
from cvlib.starting.yaml_edit import edit_yaml, on_a_line
from cvlib.studies.hypotheses import BEST, FILE
from cvlib.studies.registered import record_look
from cvlib.yaml_source import parse_yaml

if TYPE_CHECKING:
    from cvlib.journal.hypotheses import JudgedHypothesis
    from cvlib.journal.results import VariantResults
    from cvlib.studies.run import RunSummary
    from cvlib.studies.status import RunStatus

# of experiments, the runs that are named so, and what to train again
Train = Callable[[Sequence[str], Sequence[str], str | None], "RunSummary"]
_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*([smh])")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def seconds_of(text: str) -> float:
    """Seconds of `90s`, `60m` or `2h`; raises ProjectError for anything else."""
    found = _TIME.fullmatch(text.strip())
    if found is None or not float(found[1]):
        raise ProjectError(f"--budget {text!r}: expected a time such as 90s, 60m or 2h")
    return float(found[1]) * _SECONDS[found[2]]


@dataclass(frozen=True)
class Step:
    """What the next look needs: variants with so many seeds each."""

    variants: tuple[VariantResults, ...]
    seeds: int

    @property
    def seconds(self) -> float:
        """Training time, one run after another."""
        return training_seconds(self.variants, self.seeds)

    @property
    def runs(self) -> int:
        """How many are to be trained."""
        return sum(max(self.seeds - len(one.variant.seeds), 0) for one in self.variants)


def settle(
    project: Project,
    name: str,
    budget: float,
    train: Train,
    say: Callable[[str], object],
    workers: int = 1,
) -> bool | None:
    """Take looks at a hypothesis until it is decided; whether it is, None after Ctrl-C.

    budget: seconds, of which no step is begun that would take more than are left. workers: processes
    side by side, for the forecast. Raises ProjectError where the hypothesis may not be settled so.
    """
    end = time.monotonic() + budget
    in_time = False  # of a look that was begun earlier it is not known yet
    while True:
        project.forget()
        one = _to_settle(project, name)
        runs = _runs(project, one)
        if missing := [status for status in runs if status.result is None]:
            seconds = _seconds(missing, runs) / min(workers, len(missing))
            if not in_time and not _in_time(say, one, len(missing), seconds, end):
                return False
            say(f"{name}: {_takes(len(missing), seconds)}, before the next look")
            named = [
                f"{r.planned.experiment}/{r.planned.variant}@{r.planned.seed}" for r in missing
            ]
            if train(sorted({r.planned.experiment for r in missing}), named, None).interrupted:
                return None
            project.forget()
            one = _to_settle(project, name)
            runs = _runs(project, one)
            if left := [status for status in runs if status.result is None]:
                say(f"{name}: {counted(len(left), 'run')} have no result, so it was not looked at:")
                for status in left:
                    say(f"  {status.planned.name}: {status.state}: {status.reason}")
                return False
        variants = [(status.planned.experiment, status.planned.variant) for status in runs]
        record_look(project, one.declared, max(map(variants.count, variants)))
        project.forget()
        one = _to_settle(project, name)
        look, verdict = len(one.looks), one.verdict.text
        say(f"{name}, look {look} at {one.looks[-1]} seeds, level {one.level:.2g}: {verdict}")
        for claim, outlook in zip(one.claims, one.settled_by, strict=True):
            say(claim_text(claim, outlook))
        if verdict != "undecided":
            return verdict in ("supported", "refuted")
        step = next_step(one)
        if step is None:
            say(f"Stopped: no number of seeds is expected to settle {name}.")
            return False
        in_time = _in_time(say, one, step.runs, step.seconds / min(workers, step.runs), end)
        if not in_time:
            return False
        _add_seeds(project, step)


def _to_settle(project: Project, name: str) -> JudgedHypothesis:
    if project.profile != "default":
        raise ProjectError(
            f"--settle adds seeds to the default profile alone, not to {project.profile!r}: leave "
            "--profile out"
        )
    one = hypotheses(root=project.root, profile=project.profile)[name]
    if not one.declared.settle:
        raise ProjectError(
            f"{name} does not say `settle: true` in {project.experiments.name}/{FILE}: a rule for "
            "when to stop is declared before the first look. Added after results were seen it makes "
            f"{name} exploratory; it is then judged at 0.025 at its first look, and more strictly "
            "at each further one"
        )
    return one


def _runs(project: Project, one: JudgedHypothesis) -> list[RunStatus]:
    """Every run of the variants that the hypothesis names, in the order of their experiments."""
    names = {name for claim in one.declared.claims for name in claim.names()}
    found = []
    for experiment_id in sorted({name.partition("/")[0] for name in names}):
        factors = {v.name: v.factor for v in project.experiment(experiment_id).variants}
        for status in project.statuses(experiment_id):
            variant = status.planned.variant
            best = f"{experiment_id}/{BEST}{factors[variant]}"
            if f"{experiment_id}/{variant}" in names or best in names:
                found.append(status)
    return found


def _seconds(missing: Iterable[RunStatus], runs: Iterable[RunStatus]) -> float:
    """What the missing take if they take as long as those of their experiment; 0 before the first."""
    times: dict[str, list[float]] = {}
    for status in runs:
        if status.result is not None:
            of = times.setdefault(status.planned.experiment, [])
            of.append(status.result.metrics.get("train_seconds", 0.0))
    means = {name: sum(of) / len(of) for name, of in times.items()}
    return sum(means.get(status.planned.experiment, 0.0) for status in missing)


def _in_time(
    say: Callable[[str], object], one: JudgedHypothesis, runs: int, seconds: float, end: float
) -> bool:
    left = end - time.monotonic()
    if seconds <= left:
        return True
    said = f"and {numbers.duration(max(left, 0.0))} of the budget are left"
    say(f"Stopped: the next look takes {_takes(runs, seconds)}, {said}.")
    say(f"`cvlib run --settle {one.id}` goes on, with --budget {math.ceil(seconds / 60)}m or more.")
    return False


def _takes(runs: int, seconds: float) -> str:
    return counted(runs, "run") + (f", about {numbers.duration(seconds)}" if seconds else "")


def next_step(one: JudgedHypothesis) -> Step | None:
    """Seeds of the next look, as forecast at its level; None where seeds will not settle it.

    One claim refuted decides a hypothesis: where some are on their way to that, by the nearest.
    """
    claims = one.at(one.next_level)
    found = [
        (claim, outlook)
        for claim, outlook in zip(claims, outlooks(claims, one.next_level), strict=True)
        if outlook is not None
    ]
    refuting = [
        outlook
        for claim, outlook in found
        if outlook.seeds is not None
        and (float(claim.shown or 0) > claim.claim.margin) != (claim.claim.expect == "above")
    ]
    wanted = [outlook for _, outlook in found]
    if refuting:
        wanted = [min(refuting, key=lambda outlook: outlook.seeds or 0)]
    if not wanted or any(outlook.seeds is None for outlook in wanted):
        return None
    forecast = max(outlook.seeds or 0 for outlook in wanted)
    variants = {v.id: v for outlook in wanted for v in outlook.varying}
    return Step(tuple(variants.values()), next_look(one.looks[-1], forecast))


def _add_seeds(project: Project, step: Step) -> None:
    """Write the seeds that are missing into `more_seeds`, the lowest numbers that are free."""
    before: dict[Path, str] = {}
    try:
        for one in step.variants:
            has = one.variant.seeds
            new = [n for n in range(step.seeds + len(has)) if n not in has]
            new = new[: max(step.seeds - len(has), 0)]

            def add(data: Any, name: str = one.name, new: list[int] = new) -> None:
                more = data.setdefault("more_seeds", {})
                more[name] = on_a_line([*more.get(name, []), *new])

            path = project.experiment_file(one.experiment)
            text = path.read_bytes().decode()  # line ends as they are
            before.setdefault(path, text)
            try:
                replace_text(path, edit_yaml(text, add, _read))
            except StartError as error:
                message = f"{path.parent.name}/{path.name}: {error}: more_seeds of {one.name} {new}"
                raise StartError(message) from None
        project.forget()
        for path in before:
            project.experiment(path.stem)
    except BaseException:  # one that asks for more runs than `max_runs`, Ctrl-C
        for path, text in before.items():
            replace_text(path, text)
        raise


def _read(text: str) -> dict[str, Any]:
    return parse_yaml(text, "the experiment", none_is_null=True).data
