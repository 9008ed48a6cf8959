"""What hypotheses said before their runs: `experiments/registered.json`, and what differs since.

`cvlib run` writes down each hypothesis before the first run that it names; once one of these has a
result, what is written stays. Beside it stands how often it was looked at while seeds were added, on
which the level of every further look depends. A hypothesis that is met first when its runs can be compared already
is registered as such. The quick profile is a try-out: it registers nothing, and its results do not
count. What was reworded, changed, withdrawn or registered late is exploratory, and the report says
so (`Revision`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from cvlib.files import DamagedFile, read_note, update_note
from cvlib.project import Project
from cvlib.studies.hypotheses import BEST, Claim, Hypothesis, Pair

if TYPE_CHECKING:
    from cvlib.studies.plan import PlannedRun

FILE = "registered.json"
_KEPT = ("default", "full")  # profiles whose results count; quick is a try-out
_WITH_RESULT = ("fresh", "stale", "damaged")  # what was altered or outdated was seen as well


class Registered(BaseModel):
    """A hypothesis as it was registered.

    claims: None where it had none then. after_results: one of them could be judged already. runs:
    how many runs that it names had a result then. tested: one has a result, so that this stands.
    settle: it was to be settled by adding seeds; looks: seeds of a variant at each look on the way.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    title: str
    statement: str
    claims: list[Claim] | None
    after_results: bool = False
    runs: int = 0
    tested: bool = False
    settle: bool = False
    looks: list[int] = []


# ── the file ─────────────────────────────────────────────────────────────────────────────────────


def registered_file(project: Project) -> Path:
    """`experiments/registered.json`, one for all profiles."""
    return project.experiments / FILE


def read_registered(project: Project) -> dict[str, Registered]:
    """Hypotheses as registered, by id; empty without a file. Raises DamagedFile that says what to do."""
    path = registered_file(project)
    try:
        return _parsed(read_note(path))
    except (ValidationError, AttributeError, TypeError, DamagedFile) as error:
        found = isinstance(error, DamagedFile)
        what = str(error) if found else f"{path} was altered: it is no list of hypotheses"
        raise DamagedFile(
            f"{what}. Get it back with `git checkout -- {FILE}` in {path.parent}; without the file "
            "every hypothesis whose runs have results counts as written after them"
        ) from error


def register(project: Project, about_to_train: Iterable[PlannedRun] = ()) -> None:
    """Register the hypotheses that name a run which is about to be trained, or has a result.

    Writes only what is new. Raises SpecError for hypotheses or experiments that cannot be read,
    DamagedFile for a damaged file.
    """
    if project.profile not in _KEPT:
        return
    before, planned = read_registered(project), list(about_to_train)
    if registered_by_now(project, before, planned) != before:
        update_note(registered_file(project), partial(_write, project, planned))
        project.forget_results()


def registered_by_now(
    project: Project, before: Mapping[str, Registered], about_to_train: Iterable[PlannedRun] = ()
) -> dict[str, Registered]:
    """What the file is to say now; `before`: what it says."""
    now = dict(before)
    to_train = {(run.experiment, run.variant) for run in about_to_train}
    for one in project.hypotheses():
        was = before.get(one.id)
        if was is not None and was.tested:
            continue
        variants = {
            name: _variants(project, name) for claim in one.claims for name in claim.names()
        }
        named = {variant for found in variants.values() for variant in found}
        seen = {variant: count for variant in named if (count := _results(project, *variant))}
        if was is not None and seen:
            now[one.id] = was.model_copy(update={"tested": True})
        elif seen or named & to_train:
            judged = any(all(variants[n] & seen.keys() for n in c.names()) for c in one.claims)
            now[one.id] = Registered(
                title=one.title, statement=_spaced(one.statement), claims=_claims(one),
                after_results=judged, runs=sum(seen.values()), tested=bool(seen), settle=one.settle,
            )  # fmt: skip
    return now


def _write(project: Project, planned: list[PlannedRun], note: dict[str, Any]) -> None:
    now = registered_by_now(project, _parsed(note), planned)
    note["hypotheses"] = {
        name: one.model_dump(mode="json", exclude_defaults=True) for name, one in now.items()
    }


def looks_of(project: Project, hypothesis: Hypothesis) -> list[int]:
    """Seeds of a variant at each look that was taken; the first is that at the seeds planned.

    Other profiles than the default one have only the first: seeds are added to that alone.
    """
    names = {name.partition("/")[0] for claim in hypothesis.claims for name in claim.names()}
    was = read_registered(project).get(hypothesis.id) if project.profile == "default" else None
    if was is not None and was.looks:
        return [*was.looks]
    return [max(len(project.plan(name).experiment.seeds) for name in names)]


def record_look(project: Project, hypothesis: Hypothesis, seeds: int) -> None:
    """Note that the hypothesis was looked at with so many seeds of a variant; nothing if it was."""

    def write(note: dict[str, Any]) -> None:
        entry = note["hypotheses"][hypothesis.id]
        if seeds > max(entry.get("looks", []), default=0):
            entry["looks"] = [*entry.get("looks", []), seeds]

    register(project)
    update_note(registered_file(project), write)
    project.forget_results()


def _parsed(note: Mapping[str, Any]) -> dict[str, Registered]:
    entries = note.get("hypotheses", {}).items()
    return {name: Registered.model_validate(entry) for name, entry in entries}


def _variants(project: Project, name: str) -> set[tuple[str, str]]:
    """Experiment and variant of a name in a claim; of `exp02/best:grid`, each of that factor."""
    experiment, _, variant = name.partition("/")
    if not variant.startswith(BEST):
        return {(experiment, variant)}
    factor = variant.removeprefix(BEST)
    return {
        (experiment, one.name)
        for each in _profiles(project)
        for one in each.plan(experiment).experiment.variants
        if one.factor == factor
    }


def _results(project: Project, experiment: str, variant: str) -> int:
    """How many runs of a variant have a result, in any profile that counts."""
    return sum(
        status.state in _WITH_RESULT
        for each in _profiles(project)
        for status in each.statuses(experiment)
        if status.planned.variant == variant
    )


def _profiles(project: Project) -> list[Project]:
    """The project in each profile that counts and has a store, and in its own."""

    def other(name: str) -> Project:
        return project.once(("statuses", "of profile", name), lambda: Project(project.root, name))

    others = (other(name) for name in _KEPT if name != project.profile)
    own = [project] if project.profile in _KEPT else []
    return own + [each for each in others if each.runs.is_dir()]


# ── what differs since ───────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Revision:
    """What came of a hypothesis after it was registered: why it is exploratory.

    was: as registered; late: registered when its claims could be judged; reworded, withdrawn, to be
    settled by adding seeds (settle): since then; claims: each change of them, in words.
    """

    id: str
    was: Registered
    late: bool = False
    reworded: bool = False
    withdrawn: bool = False
    settle: bool = False
    claims: tuple[str, ...] = ()

    @property
    def without_claims(self) -> bool:
        """Whether it had no claims yet when it was registered, and has some now."""
        return self.was.claims is None and not self.withdrawn

    def words(self) -> str:
        """`reworded and given its claims after its runs; before: “Wider is better.”`."""
        said, since = [], "since" if self.late else "after its runs"
        if self.late:
            runs = f"{self.was.runs} of its runs" if self.was.runs > 1 else "one of its runs"
            said.append(f"registered when {runs} had results")
        elif self.without_claims and not self.reworded and not self.settle:
            return "its words stood before its runs, its claims came after them"
        came = ["withdrawn"] * self.withdrawn + ["reworded"] * self.reworded
        came += ["given its claims"] * self.without_claims
        came += ["declared to be settled by adding seeds"] * self.settle
        if came:
            said.append(f"{' and '.join(came)} {since}")
        if self.reworded:
            said.append(f"before: “{self.was.statement}”")
        return "; ".join([*said, *self.claims])


def revisions(
    declared: Iterable[Hypothesis], registered: Mapping[str, Registered]
) -> dict[str, Revision]:
    """Those that are not as they were before their runs, by id, the withdrawn last."""
    found, left = {}, dict(registered)
    for one in declared:
        was = left.pop(one.id, None)
        if was is None or not was.tested:
            continue
        reworded = _spaced(one.statement) != _spaced(was.statement)
        claims = () if was.claims is None else tuple(_changes(was.claims, _claims(one)))
        settle = one.settle and not was.settle
        if was.after_results or reworded or settle or claims or was.claims is None:
            found[one.id] = Revision(
                one.id, was, was.after_results, reworded, settle=settle, claims=claims
            )
    for name, was in left.items():
        if was.tested:
            found[name] = Revision(name, was, was.after_results, withdrawn=True)
    return found


def _claims(of: Hypothesis) -> list[Claim]:
    return [one.model_copy(update={"say": _spaced(one.say)}) for one in of.claims]


def _changes(was: list[Claim], now: list[Claim]) -> Iterator[str]:
    """What was dropped, added, or changed of the claims, in words."""
    dropped = [claim for claim in was if claim not in now]
    added = [claim for claim in now if claim not in was]
    for old in [*dropped]:
        new = next((one for one in added if _is_same(one, old)), None)
        if new is not None:
            dropped.remove(old)
            added.remove(new)
            both = ((name, getattr(old, name), getattr(new, name)) for name in Claim.model_fields)
            said = ", ".join(f"{n} {_value(a)}, now {_value(b)}" for n, a, b in both if a != b)
            yield f"claim “{old.say}” changed after its runs: {said}"
    for what, claims in (("dropped", dropped), ("added", added)):
        if claims:
            names = ", ".join(f"“{one.say}”" for one in claims)
            yield f"claim{'s' * (len(claims) > 1)} {what} after its runs: {names}"


def _is_same(one: Claim, other: Claim) -> bool:
    """Whether it is one claim with another side, margin or name: same words, or same variants."""
    aside = {"say": other.say, "expect": other.expect, "margin": other.margin}
    return one.say == other.say or one.model_copy(update=aside) == other


def _value(value: Any) -> str:
    if isinstance(value, Pair):
        return f"{value.first} less {value.second}"
    if isinstance(value, dict):
        return " and ".join(f"{name} {of}" for name, of in value.items()) or "none"
    return "none" if value is None else str(value)


def _spaced(text: str) -> str:
    return " ".join(text.split())
