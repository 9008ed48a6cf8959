"""Where a number, a table or a figure of the report comes from: places, expressions, runs.

And of these: whose they are, whether they are still true, how to make them again.
"""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from cvlib.engine.chapter import INLINE, Chapter
from cvlib.engine.errors import RenderError, line_of, nearest
from cvlib.freeze.align import end_of_div
from cvlib.freeze.frozen_chapter import FrozenChapter, frozen_chapter
from cvlib.freeze.marks import as_read, traced_runs
from cvlib.project import Project
from cvlib.results.run import DamagedRun, Run
from cvlib.results.store import Store
from cvlib.studies.plan import PlannedRun

_LABEL = re.compile(r"@?(?P<label>(?:fig|tbl)-[\w-]+)", re.IGNORECASE)
_ALIKE = str.maketrans({"−": "-", "–": "-", "—": "-", "×": "x", "†": " ", "\u00a0": " "})
_NEAREST = 4  # values that are named where none fits


@dataclass(frozen=True)
class TracedPlace:
    """What stands at a place of the report, and what it comes from.

    kind: `value`, `row` of a table, `table` or `figure`; shown: how it reads there; runs: first
    digits of their keys, empty where `source`, a file, says it; line: in the chapter, of the
    expression that made it; stale: why the frozen copy is not the chapter as it is now.
    """

    kind: str
    shown: str
    file: str
    line: int | None
    heading: str
    expression: str
    runs: tuple[str, ...]
    source: str = ""
    stale: str = ""


def trace(
    project: Project, what: str, why_stale: Callable[[Chapter], str | None] | None = None
) -> list[TracedPlace]:
    """Every place where the report shows a value, or the table or figure of a label.

    what: `91.6%`, `91.6 ± 1.2%`, `fig-exp02`, `@tbl-exp02`. why_stale: asked of each chapter where
    something is found. Raises RenderError with the nearest there is when nothing is.
    """
    every = [frozen_chapter(project, entry.file) for entry in project.book().chapters]
    frozen = [one for one in every if one.markdown]
    label = _LABEL.fullmatch(what.strip())
    if label is not None:
        places = [place for one in frozen for place in _of_label(one, label["label"].lower())]
    else:
        places = _of_value(frozen, what)
    if not places:
        raise RenderError(_nothing(frozen, what, label is not None))
    if why_stale is None:
        return places
    files = {place.file for place in places}
    stale = {one.file: why_stale(one.chapter) for one in frozen if one.file in files}
    return [replace(place, stale=stale[place.file] or "") for place in places]


def _nothing(frozen: Sequence[FrozenChapter], what: str, is_label: bool) -> str:
    if not frozen:
        return "no chapter is frozen yet, so nothing can be traced; `cvlib render` executes them"
    if is_label:
        labels = {
            name for one in frozen for name in re.findall(r"\{#((?:fig|tbl)-[\w-]+)", one.markdown)
        }
        return f"no figure or table is labelled {what!r}{nearest(what.lstrip('@'), labels)}"
    wanted = f" {' '.join(_tokens(what))} "
    for one in frozen:
        for number, line in enumerate(one.chapter.text.split("\n"), start=1):
            if wanted in f" {' '.join(_tokens(INLINE.sub('', line)))} ":
                return (
                    f"{what!r} was typed by hand in {one.file}:{number}; no run says it. "
                    "An inline value, `{python} …`, is traced"
                )
    values = dict.fromkeys(mark.text for one in frozen for mark in one.values)
    return f"no chapter shows {what!r}; the nearest are: {', '.join(_nearest(what, [*values]))}"


def _nearest(what: str, values: Sequence[str]) -> list[str]:
    """The values whose number is nearest to that of `what`; of words, the closest spellings."""

    def number(text: str) -> float | None:
        return next((float(token) for token in _tokens(text) if token[-1].isdigit()), None)

    wanted = number(what)
    if wanted is None:
        close = difflib.get_close_matches(what, values, n=_NEAREST, cutoff=0.3)
        return close or list(values[:_NEAREST])
    numbered = [(abs(found - wanted), v) for v in values if (found := number(v)) is not None]
    return [value for _, value in sorted(numbered)[:_NEAREST]]


# ── values ─────────────────────────────────────────────────────────────────────────────────────


def _of_value(frozen: Sequence[FrozenChapter], what: str) -> list[TracedPlace]:
    """The places that match best: the very words, else those that begin with the same number."""
    wanted = _tokens(what)
    if not wanted:
        raise RenderError(f"{what!r}: expected a value such as 91.6%, or a label such as fig-exp02")
    same = [p for one in frozen for p in _showing(one, lambda tokens: tokens == wanted)]
    return same or [p for one in frozen for p in _showing(one, lambda t: _holds(t, wanted))]


def _showing(one: FrozenChapter, fits: Callable[[list[str]], bool]) -> Iterator[TracedPlace]:
    def place(
        kind: str, start: int, shown: str, runs: tuple[str, ...], source: str = ""
    ) -> TracedPlace:
        expression, line = one.made_by(start)
        return TracedPlace(
            kind, shown, one.file, line, one.heading(start), expression, runs, source
        )

    for mark in one.values:
        if fits(_tokens(mark.text)):
            yield place("value", mark.start, mark.text, mark.runs, mark.source)
    for table in one.tables:
        hits = {name: cell for name, cells in table.rows for cell in cells if fits(_tokens(cell))}
        if hits:
            rows = f"in the row{'s' * (len(hits) != 1)} {'; '.join(hits)}"
            shown = f"{next(iter(hits.values()))} ({rows})"
            yield place("row", table.start, shown, table.runs)


def _tokens(text: str) -> list[str]:
    """`91.6 ± 1.2%` as 91.6, ±, 1.2, %; numbers without their thousands' commas."""
    plain = as_read(text).translate(_ALIKE).lower()
    plain = re.sub(r"(?<=\d),(?=\d{3}\b)", "", plain)
    return re.findall(r"[-+]?\d+(?:\.\d+)?|[^\W\d_]+|[±%<>=]", plain)


def _holds(tokens: list[str], wanted: list[str]) -> bool:
    """Whether it begins with the same number, whatever its sign, and the rest stands behind it."""
    first, *rest = (token.lstrip("+-") for token in wanted)
    there = iter(token.lstrip("+-") for token in tokens)
    return next(there, None) == first and all(token in there for token in rest)


# ── labels ─────────────────────────────────────────────────────────────────────────────────────


def _of_label(one: FrozenChapter, label: str) -> Iterator[TracedPlace]:
    """The labelled figure or table, if it is in this chapter."""
    found = re.search(rf"\{{#{re.escape(label)}[ }}]", one.markdown)
    if found is None:
        return
    text, start = _block(one.markdown, found.start())
    # behind the line of the label: inside the cell, where it is a cell's
    expression, line = one.made_by(one.markdown.find("\n", found.start()))
    yield TracedPlace(
        "figure" if label.startswith("fig-") else "table",
        label,
        one.file,
        line_of(one.chapter.text, f"label: {label}", f"#{label}") or line,
        one.heading(start),
        expression,
        tuple(dict.fromkeys([*traced_runs(text), *one.runs_of_pictures(text)])),
    )


def _block(markdown: str, label: int) -> tuple[str, int]:
    """The piece of markdown that carries a label, and where it begins."""
    line = markdown.rfind("\n", 0, label) + 1
    if markdown.startswith(":::", line):
        return markdown[line : end_of_div(markdown, line)], line
    end = markdown.find("\n", label) if "\n" in markdown[label:] else len(markdown)
    if markdown.startswith(":", line):  # the caption of a table in the text, below it
        above = markdown[:line].rstrip("\n").split("\n")
        first = len(above)
        while first and above[first - 1].startswith("|"):
            first -= 1
        line = len("\n".join(above[:first])) + 1
    return markdown[line:end], line


# ── runs ────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class RunFacts:
    """One run. state: as in `cvlib status`, or `not asked for` of one that no experiment plans now.

    seconds: of training; commit: of the project when it was made; both None where not known.
    """

    key: str
    experiment: str
    variant: str
    seed: int | None
    state: str
    reason: str
    seconds: float | None = None
    commit: str | None = None


def facts_of(project: Project, names: Iterable[str]) -> list[RunFacts]:
    """What is known of the runs whose keys begin with these digits, in the order of the experiments."""
    planned = _planned(project)
    order = {str(run.key): place for place, run in enumerate(planned)}
    found = [_facts(project, planned, name) for name in names]
    return sorted(found, key=lambda run: order.get(run.key, len(order)))


def commands_for(project: Project, runs: Sequence[RunFacts]) -> list[str]:
    """What makes these runs again, one command an experiment; the fewest names that do."""
    by_experiment: dict[str, set[str]] = {}
    for run in runs:
        if run.state != "not asked for":
            by_experiment.setdefault(run.experiment, set()).add(run.key)
    commands = []
    for experiment, keys in by_experiment.items():
        planned = [one for one in _planned(project) if one.experiment == experiment]
        names: dict[str, None] = {}
        for one in planned:
            if one.key in keys:
                seeds = [other for other in planned if other.variant == one.variant]
                whole = all(other.key in keys for other in seeds)
                names[one.variant if whole else f"{one.variant}@{one.seed}"] = None
        if all(one.key in keys for one in planned):
            names = {}
        named = "".join(f" --variant {shlex.quote(name)}" for name in names)
        commands.append(f"cvlib run {experiment}{named} --rerun all")
    return commands


def _planned(project: Project) -> list[PlannedRun]:
    return [run for name in project.experiment_ids() for run in project.plan(name).runs]


def _facts(project: Project, every: Sequence[PlannedRun], name: str) -> RunFacts:
    for planned in every:
        if (planned.key or "").startswith(name):
            (status,) = project.inspector.inspect([planned])
            state = f"{status.state} by {status.cue}" if status.cue else str(status.state)
            of = (planned.experiment, planned.variant, planned.seed)
            reason = status.reason or status.note
            return RunFacts(str(planned.key), *of, state, reason, *_made(status.result))
    store = Store(project.runs)
    key = next((key for key in store.keys() if key.startswith(name)), None)  # noqa: SIM118 - not a mapping
    if key is None:
        return RunFacts(name, "", "", None, "gone", "no run has this key")
    try:
        run = store.read(key)
    except DamagedRun as damage:
        return RunFacts(key, "", "", None, "damaged", str(damage))
    made = run.provenance.get("made_for", {})
    of = (str(made.get("experiment", "")), str(made.get("variant", "")), made.get("seed"))
    why = "no experiment asks for it any more"
    return RunFacts(run.key, *of, "not asked for", why, *_made(run))


def _made(run: object) -> tuple[float | None, str | None]:
    """Seconds of training, and the commit it was made at."""
    if not isinstance(run, Run):
        return None, None
    return run.metrics.get("train_seconds"), run.provenance.get("git_commit")
