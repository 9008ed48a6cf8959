"""The runs that the report reads are those that its experiments ask for now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from cvlib.check.finding import Finding, failed, note, ok, unchecked
from cvlib.check.subject import Subject
from cvlib.studies.status import RunStatus

_AGAIN = "`cvlib run` trains it, then `make report` renders what changed."


def find(subject: Subject) -> Iterator[Finding]:
    """Sort the states of all runs by what they mean for the report."""
    groups: dict[tuple[str, str], list[RunStatus]] = defaultdict(list)
    for status in subject.runs:
        if status.state != "fresh":
            groups[status.planned.experiment, _kind(status)].append(status)
    wrong = False
    for (experiment, kind), statuses in groups.items():
        finding = _finding(experiment, kind, statuses)
        wrong = wrong or finding.verdict == "failed"
        yield finding
    if not wrong:
        fresh = sum(status.state == "fresh" for status in subject.runs)
        experiments = ", ".join(subject.experiments) or "no experiment"
        yield ok(f"{fresh} of {len(subject.runs)} runs fresh ({experiments})")


def _kind(status: RunStatus) -> str:
    if status.state == "stale":
        return f"stale by {status.cue}"
    if status.state == "missing" and status.planned.key is None:
        return "unknown"
    if status.state == "failed" and status.failure is not None and status.failure.lasting:
        return "diverged"
    return status.state


def _finding(experiment: str, kind: str, statuses: list[RunStatus]) -> Finding:
    says = f"{experiment}: {_variants(statuses)}: {kind}"
    if reason := statuses[0].reason:
        says += f": {reason}"
    where = {"file": f"experiments/{experiment}.yaml"}
    if kind in ("stale by spec", "stale by data", "missing", "damaged", "failed"):
        to_do = _AGAIN if kind != "damaged" else f"Restore it from git, or {_AGAIN}"
        return failed(says, to_do, **where)
    if kind.startswith("stale by"):
        cue = kind.removeprefix("stale by ")
        return note(
            says, f"The report marks them (†). `cvlib run --rerun {cue}` trains them again."
        )
    if kind == "unknown":
        return unchecked(says, "`cvlib data` and `cvlib weights fetch` bring what is missing.")
    if kind == "skipped":
        return note(says, "The report lists them, and no claim rests on them.")
    return note(says, "The report says so in place of their numbers.")


def _variants(statuses: Iterable[RunStatus]) -> str:
    seeds: dict[str, list[int]] = defaultdict(list)
    for status in statuses:
        seeds[status.planned.variant].append(status.planned.seed)
    names = [f"{name} (seed {' '.join(map(str, of))})" for name, of in seeds.items()]
    if len(names) > 4:
        return f"{', '.join(seeds)[:90]} ({sum(map(len, seeds.values()))} runs)"
    return ", ".join(names)
