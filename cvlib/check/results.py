"""What the report rests on: its values name runs, these are as asked for, and what was read still stands."""

from __future__ import annotations

import bisect
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from cvlib.check.finding import Finding, Findings, check, failed, note, ok, unchecked
from cvlib.check.submission import CheckedChapter, Submission
from cvlib.engine.chapter import TextBlock
from cvlib.errors import CvlibError
from cvlib.freeze.frozen_chapter import described_runs
from cvlib.freeze.marks import Mark, marks, without_marks
from cvlib.journal.cost import uneven_times
from cvlib.results.store import Store
from cvlib.studies.registered import read_registered, registered_by_now
from cvlib.studies.status import RunStatus

# Digits inside a name are no number: EXP02, H1, ResNet-18.
_NAME = re.compile(r"[^\W\d_][\w-]*")
_TRACED = (
    "Let it be what the journal gives (`exp.accuracy(…)`, `exp.difference(…)`), not text or a number "
    "that Python made of it: those have lost their runs. Then render the chapter again."
)
_EXECUTE = "`make report` executes the chapter again."
_LISTED = "Let a chapter, the Description, show `hypotheses().listing()`."
_TRAIN = "`cvlib run` trains it, then `make report` renders what changed."


@check("values")
def values(submission: Submission) -> Findings:
    """Check each inline value of the frozen chapters, and every run that anything names."""
    stored = list(Store(submission.project.runs).keys())
    count, wrong = 0, 0
    for chapter in submission.chapters:
        if not chapter.markdown:
            texts = [block for block in chapter.chapter.blocks if isinstance(block, TextBlock)]
            if any(block.inlines for block in texts):
                yield unchecked(f"{chapter.file} is not frozen, so that its values are not known")
            continue
        found = [*_untraced(chapter), *_unknown(submission, chapter, stored)]
        if chapter.alignment.lost:
            words = " ".join(chapter.alignment.lost.split()[:6])
            yield unchecked(
                f"the frozen copy of {chapter.file} has another text than the chapter, at “{words}…”",
                _EXECUTE,
            )
        else:
            count += len(chapter.alignment.values)
        wrong += len(found)
        yield from found
    if not wrong:  # above the note
        yield ok(f"{count} computed values, each traced to its runs")
    return None


def _untraced(chapter: CheckedChapter) -> Iterator[Finding]:
    for value in () if chapter.alignment.lost else chapter.alignment.values:
        markdown = chapter.markdown[value.start : value.end]
        if has_untraced_number(markdown):
            text = re.sub(r"\\(.)", r"\1", markdown).replace("\u00a0", " ")
            yield failed(
                f"`{{python}} {value.source}` gives {text[:50] + '…' if len(text) > 50 else text!r}, "
                "which does not say from which runs it came",
                _TRACED,
                (value.file, value.line),
            )


def has_untraced_number(markdown: str) -> bool:
    """Tell whether there is a number outside of the marks that name runs or a source."""

    def shown(mark: Mark) -> str:
        return "" if mark.has_origin else mark.markdown

    return re.search(r"\d", _NAME.sub("", without_marks(markdown, shown))) is not None


def _unknown(
    submission: Submission, chapter: CheckedChapter, stored: list[str]
) -> Iterator[Finding]:
    """Yield what names runs that the store does not have, or a file that is not there."""
    project, marked = submission.project, list(marks(chapter.markdown))
    runs = [key for mark in marked for key in mark.runs]
    if chapter.folder is not None:
        for picture in sorted(chapter.folder.glob("figure-*/*.*")):
            runs += described_runs(picture)
    for name in dict.fromkeys(runs):
        place = bisect.bisect_left(stored, name)
        if not (place < len(stored) and stored[place].startswith(name)):
            yield failed(
                f"what it shows comes from the run {name}…, which is not in {submission.shown(project.runs)}",
                "Restore it from git, or let the chapter be executed with the runs that there are: "
                "`make report`.",
                (chapter.file, None),
            )
    for name in dict.fromkeys(mark.source for mark in marked if mark.source):
        if not (project.root / name).is_file():
            says = f"values come from {name}, which does not exist"
            yield failed(says, _EXECUTE, (chapter.file, None))


@check("results")
def runs(submission: Submission) -> Findings:
    """Sort the states of all runs by what they mean for the report."""
    groups: dict[tuple[str, str], list[RunStatus]] = defaultdict(list)
    for status in submission.runs:
        if status.state != "fresh":
            groups[status.planned.experiment, _kind(status)].append(status)
    for (name, kind), statuses in groups.items():
        yield _of_runs(name, kind, statuses)
    fresh = sum(status.state == "fresh" for status in submission.runs)
    experiments = ", ".join(submission.experiments) or "no experiment"
    return f"{fresh} of {len(submission.runs)} runs fresh ({experiments})"


def _kind(status: RunStatus) -> str:
    if status.state == "stale":
        return f"stale by {status.cue}"
    if status.state == "missing" and status.planned.key is None:
        return "unknown"
    if status.state == "failed" and status.failure is not None and status.failure.lasting:
        return "diverged"
    return status.state


def _of_runs(experiment: str, kind: str, statuses: list[RunStatus]) -> Finding:
    says = f"{experiment}: {_variants(statuses)}: {kind}"
    if reason := statuses[0].reason:
        says += f": {reason}"
    if kind in ("stale by spec", "stale by data", "missing", "damaged", "failed"):
        to_do = _TRAIN if kind != "damaged" else f"Restore it from git, or {_TRAIN}"
        return failed(says, to_do, (f"experiments/{experiment}.yaml", None))
    if kind.startswith("stale by"):
        cue = kind.removeprefix("stale by ")
        marked = "A chapter that is executed here marks them (†)."
        if cue == "code":
            marked = "The report marks them (†)."
        to_do = f"`cvlib confirm` shows whether a number changed, `cvlib run --rerun {cue}` trains them again."
        return note(says, f"{marked} {to_do}")
    if kind == "unknown":
        return unchecked(says, "`cvlib data` and `cvlib weights fetch` bring what is missing.")
    if kind == "skipped":
        return note(says, "The report lists them, and no claim rests on them.")
    return note(says, "The report says so in place of their numbers.")


@check("times")
def times(submission: Submission) -> Findings:
    """Compare the times of runs that had equal work; name the two farthest apart."""
    found = False
    for name in submission.experiments:
        if differing := uneven_times(
            (status.planned.variant, status.result)
            for status in submission.runs
            if status.planned.experiment == name and status.result is not None
        ):
            to_do = "Tables that show times say so; `cvlib run --rerun all` on an idle machine measures anew."
            yield note(f"{name}: {differing}", to_do)
            found = True
    return None if found else "no times of equal work differ by over 20%"


def _variants(statuses: Iterable[RunStatus]) -> str:
    seeds: dict[str, list[int]] = defaultdict(list)
    for status in statuses:
        seeds[status.planned.variant].append(status.planned.seed)
    names = [f"{name} (seed {' '.join(map(str, of))})" for name, of in seeds.items()]
    if len(names) > 4:
        return f"{', '.join(seeds)[:90]} ({sum(map(len, seeds.values()))} runs)"
    return ", ".join(names)


@check("chapters")
def frozen_copies(submission: Submission) -> Findings:
    """Ask of each chapter whether its frozen copy is true to its text, its results and its code."""
    if not submission.book.freeze:
        yield unchecked(f"the profile {submission.project.profile} freezes no chapter")
        return None
    for status in submission.chapter_statuses:
        if status.reason is not None:
            says = f"the frozen copy does not stand: {status.reason}"
            yield failed(says, _EXECUTE, (status.file, None))
    return f"{len(submission.chapter_statuses)} chapters, all frozen and true"


@check("interpretations")
def interpretations(submission: Submission) -> Findings:
    """Ask which interpretations nobody has read beside the results as they are now."""
    for block in submission.to_review:
        yield failed(
            f"“{block.words}”: {block.reason}",
            f"Read it beside the results, correct it, then `cvlib reviewed {Path(block.file).stem}`.",
            (block.file, block.line),
        )
    return "every interpretation was read beside the results that there are"


@check("hypotheses")
def hypotheses(submission: Submission) -> Findings:
    """Ask which hypotheses were changed or added after their runs, and whether the report says so."""
    project, at = submission.project, "experiments/hypotheses.yaml"
    try:
        declared, revised = project.hypotheses(), project.revisions()
        registered = read_registered(project)
        now = registered_by_now(project, registered)
    except CvlibError as error:
        yield failed(str(error), "Then render the report again: `make report`.")
        return None
    records = [each.copy.record for each in submission.chapters if each.copy is not None]
    is_listed = any("hypotheses listed" in record.reads for record in records if record is not None)
    for name, one in revised.items():
        says = f"{name} is exploratory: {one.words()}"
        if is_listed:
            yield note(says, "The report lists it, and marks its verdict.", file=at)
        else:
            yield failed(f"{says}; no chapter lists it", _LISTED, (at, None))
    for name in now.keys() - registered.keys():
        if now[name].after_results:
            says = f"{name} was added after its runs, and the report does not say so yet"
            yield failed(says, "`make report` registers it, and marks it.", (at, None))
    if not revised:
        return f"{len(declared)} declared, none changed or added after its runs"
    return None
