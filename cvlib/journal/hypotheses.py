"""The project's hypotheses and what the runs say of them.

from cvlib.journal import hypotheses

h = hypotheses()
h.listing()        # for the Description: what is claimed, and what was before the runs
h["H5"]            # `supported`, in a sentence
h.table()          # for the Summary: verdicts with the numbers
h.changes()        # for the limits: what is exploratory
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from cvlib.journal import numbers
from cvlib.journal.errors import JournalError, NotTested
from cvlib.journal.handle import current_project, note_file, results_of
from cvlib.journal.notes import noted
from cvlib.journal.quantity import Markdown, Quantity, Skipped, Words, keys_of
from cvlib.journal.words import listed
from cvlib.markup import markdown
from cvlib.project import HYPOTHESES

if TYPE_CHECKING:
    from pathlib import Path

    from cvlib.journal.effects import Judged
    from cvlib.journal.results import VariantResults
    from cvlib.journal.settling import Outlook
    from cvlib.project import Project
    from cvlib.studies.hypotheses import Hypothesis

NOT_TESTED = "not tested"
_NOTHING_CHANGED = "No hypothesis was changed or added after its runs."
_EXPLORATORY = "Exploratory: its words or claims came after its runs."
_SIDE = {"above": "more than", "below": "less than"}


def hypotheses(*, root: Path | None = None, profile: str | None = None) -> Hypotheses:
    """The hypotheses of `experiments/hypotheses.yaml` in the project of the working folder.

    Raises SpecError when the file does not say what it should, JournalError when there is none.
    """
    from cvlib.studies.registered import registered_file

    project = current_project(root, profile)
    note_file(_file(project), registered_file(project))
    declared = project.hypotheses()
    if not declared:
        file = _file(project).relative_to(project.root)
        raise JournalError(f"no hypotheses are declared; write them into {file.as_posix()}")
    return Hypotheses(project, declared)


class Hypotheses:
    """All hypotheses, in the order of their file. Results are read when they are asked for."""

    def __init__(self, project: Project, declared: tuple[Hypothesis, ...]) -> None:
        self.project = project
        self._all = {one.id: JudgedHypothesis(self, one) for one in declared}

    def __getitem__(self, name: str) -> JudgedHypothesis:
        """The hypothesis of that id; raises JournalError that lists what there is.

        Example: h["H5"]
        """
        if name not in self._all:
            raise JournalError(f"no hypothesis {name!r}; there is: {', '.join(self._all)}")
        self.project.note_read("hypothesis", name)
        return self._all[name]

    def __iter__(self) -> Iterator[JudgedHypothesis]:
        return map(self.__getitem__, self._all)

    def listing(self) -> Markdown:
        """Every hypothesis with its statement, as a list of definitions.

        Behind what was registered or changed after its runs: how, with the words of before.

        Example: h.listing()
        """
        self.project.note_read("hypotheses", "listed")
        revised = self.project.revisions()
        stated = {
            one.id: (one.declared.title, one.declared.statement) for one in self._all.values()
        }
        gone = {
            n: (one.was.title, one.was.statement) for n, one in revised.items() if one.withdrawn
        }
        items = []
        for name, (title, statement) in {**stated, **gone}.items():
            said = markdown(statement, prose=True)
            if name in revised:
                how = revised[name].words()
                stop = "" if how.endswith(".”") else "."
                said += f" *Exploratory:* {markdown(how, prose=True)}{stop}"
            items.append(f"{markdown(name)}, {markdown(title)}.\n:   {said}")
        return Markdown("\n\n".join(items), ())

    def changes(self) -> Words:
        """Which hypotheses were registered, reworded or withdrawn after their runs, in a sentence.

        `listing` has the words of before.

        Example: h.changes()
        """
        self.project.note_read("hypotheses", "changed")
        revised = self.project.revisions().values()
        groups = {
            "the words of ": [one.id for one in revised if one.reworded],
            "the claims of ": [one.id for one in revised if one.claims or one.without_claims],
            "as a whole ": [one.id for one in revised if one.late],
            "the withdrawal of ": [one.id for one in revised if one.withdrawn],
        }
        said = [f"{what}{listed(ids, len(ids))}" for what, ids in groups.items() if ids]
        text = f"Exploratory is what came after the runs: {'; '.join(said)}." * bool(said)
        return Words(text or _NOTHING_CHANGED, source=self.source)

    def table(self, most: int = 3) -> Markdown:
        """Verdicts, a row a hypothesis: effects with interval and p-value, and where they are shown.

        most: claims of each; those that do not hold come first.

        Example: h.table(most=1)
        """
        if most < 1:
            raise JournalError(f"most {most!r}: expected at least 1 claim")
        judged = self._judged()
        # the widths of the dashes are those of the columns where a cell wraps
        head = "| Hypothesis | Verdict | What was measured | Shown in |"
        rule = f"|:{'-' * 14}|:{'-' * 9}|:{'-' * 62}|:{'-' * 9}|"
        lines = "\n".join(f"| {' | '.join(_row(one, most))} |" for one in judged)
        adjusted = any(one.p is not None for each in judged for one in each.claims)
        test = ", and its p (of a value at the margin, Holm-adjusted within a hypothesis) is below 0.05"
        note = (
            "Supported: every claim’s 95% interval lies on the side that was expected"
            f"{test * adjusted}; refuted: one claim’s lies on the other side; else undecided. "
            "Brackets: intervals over seeds and test images, of times over seeds, of shares of errors over "
            "images."
        )
        notes = [note, _EXPLORATORY] if any(one.is_exploratory for one in judged) else [note]
        for one in judged:
            if one.declared.settle:
                notes.append(
                    f"Brackets of {markdown(one.id)}: {100 * (1 - one.level):.3g}%, and p < "
                    f"{one.level:.2g}, at look {len(one.looks)} while seeds are added, all looks "
                    "together 5%."
                )
        if any(found for one in judged for found in one.settled_by):
            notes.append(
                "Settled by: so many seeds a variant, or test images, if values and variances stay "
                "as they are; training time one run after another."
            )
        runs = keys_of(variant for one in judged for variant in one.variants)
        return noted(f"{head}\n{rule}\n{lines}", notes, runs)

    def count(self, verdict: str) -> Quantity:
        """`5`: how many hypotheses have this verdict.

        Example: h.count("supported")
        """
        found = [one for one in self._judged() if one.verdict.text == verdict]
        variants = [variant for one in self._judged() for variant in one.variants]
        return Quantity(f"{len(found)}", len(found)).of(*variants, source=self.source)

    @property
    def source(self) -> str:
        """`experiments/hypotheses.yaml`: where they are declared, from the project's root."""
        return _file(self.project).relative_to(self.project.root).as_posix()

    def _judged(self) -> list[JudgedHypothesis]:
        self.project.note_read("hypotheses", "all")
        return list(self._all.values())

    def find(self, name: str) -> VariantResults:
        """A variant by `experiment/variant`, or `experiment/best:FACTOR`.

        Raises NotTested where this profile does not have it or has no result of it.
        """
        from cvlib.studies.hypotheses import BEST

        experiment_id, _, variant = name.partition("/")
        self.project.note_read("asked", experiment_id)
        of = {one.name: one for one in results_of(self.project, experiment_id).variants}
        if variant.startswith(BEST):
            factor = variant.removeprefix(BEST)
            among = [v for v in of.values() if v.factor == factor and v.runs]
            if not among:
                raise NotTested(f"{experiment_id} has no result of factor {factor}")
            return max(among, key=lambda v: v.mean("val_accuracy"))
        if variant not in of:
            if self.project.profile != "default":
                raise NotTested(f"{name} is no part of profile {self.project.profile}")
            raise JournalError(
                f"hypotheses.yaml names {name!r}, but {experiment_id} has: {', '.join(of)}"
            )
        found = of[variant]
        if not found.runs and not found.is_skipped:
            raise NotTested(f"{name} has no result ({found.state_words})")
        return found


class JudgedHypothesis:
    """One hypothesis with its verdict. In a sentence it reads as the verdict: `supported`."""

    def __init__(self, of: Hypotheses, declared: Hypothesis) -> None:
        self._of = of
        self.declared = declared

    @property
    def id(self) -> str:
        """`H5`."""
        return self.declared.id

    @cached_property
    def claims(self) -> tuple[Judged, ...]:
        """Each claim, measured and judged; p-values are Holm-adjusted for the claims together."""
        return self.at(self.level)

    def at(self, level: float) -> tuple[Judged, ...]:
        """Each claim, judged at another level."""
        from cvlib.journal.effects import judged

        return judged(self.declared.claims, self._find, level)

    def _find(self, name: str) -> VariantResults:
        found = self._of.find(name)
        if self.declared.settle and len(found.statuses) > self.looks[-1]:
            raise NotTested(
                f"seeds were added to {found.id} since look {len(self.looks)}; "
                f"cvlib run --settle {self.id} takes the next"
            )
        return found

    @cached_property
    def looks(self) -> list[int]:
        """Seeds of a variant at each look at the hypothesis so far."""
        from cvlib.studies.registered import looks_of

        return looks_of(self._of.project, self.declared)

    @property
    def level(self) -> float:
        """0.05; that of its last look where seeds may be added until it is decided."""
        return self._level(0)

    @property
    def next_level(self) -> float:
        """Level at which it is judged once there are more seeds or images."""
        return self._level(1)

    def _level(self, later: int) -> float:
        from cvlib.analysis.estimate import LEVEL
        from cvlib.analysis.settling import look_level

        return look_level(len(self.looks) + later) if self.declared.settle else LEVEL

    @cached_property
    def settled_by(self) -> list[Outlook | None]:
        """For each claim what would settle it; None where it is decided, or nothing is known."""
        from cvlib.journal.settling import outlooks

        return outlooks(self.claims, self.next_level)

    @property
    def variants(self) -> tuple[VariantResults, ...]:
        """Everything that its claims were computed from."""
        return tuple(variant for one in self.claims for variant in one.variants)

    @property
    def verdict(self) -> Quantity:
        """`supported`, `refuted`, `undecided`, or `not tested` where a claim could not be."""
        from cvlib.analysis.verdicts import joint_verdict

        said = [one.verdict for one in self.claims if one.verdict is not None]
        complete = len(said) == len(self.claims)
        text = joint_verdict(said) if said and (complete or "refuted" in said) else NOT_TESTED
        return Quantity(text).of(*self.variants, source=self._of.source)

    @property
    def is_exploratory(self) -> bool:
        """Whether it was registered, reworded or given other claims after its runs."""
        return self.id in self._of.project.revisions()

    def effect(self, place: int = 0) -> Quantity:
        """`+2.98 [2.08, 3.88] points`: what was measured for the claim at `place`.

        Example: h["H5"].effect()
        """
        if not 0 <= place < len(self.claims):
            raise JournalError(f"{self.id} has {len(self.claims)} claims, none at {place}")
        one = self.claims[place]
        if one.shown is None:
            return Skipped(NOT_TESTED, reason=f"{self.id}: {one.claim.say}: {one.reason}")
        return one.shown

    def __str__(self) -> str:
        return str(self.verdict)

    def __repr__(self) -> str:
        return f"<{self.id}: {self.declared.title}; {len(self.declared.claims)} claims>"

    def _repr_markdown_(self) -> str:
        return self.verdict._repr_markdown_()


def _file(project: Project) -> Path:
    return project.experiments / f"{HYPOTHESES}.yaml"


def _row(one: JudgedHypothesis, most: int) -> tuple[str, str, str, str]:
    declared = one.declared
    alone = len(one.claims) == 1
    telling = sorted(one.claims, key=lambda claim: claim.verdict == "supported")[:most]
    measured = "; ".join(
        _claim(claim, alone, outlook)
        for claim, outlook in zip(one.claims, one.settled_by, strict=True)
        if claim in telling
    )
    if left := len(one.claims) - len(telling):
        hold = all(c.verdict == "supported" for c in one.claims if c not in telling)
        measured += f"; {left} more" + (" hold" if left > 1 else " holds") * hold
    where = f"@{declared.shown}" if declared.shown else f"@sec-{declared.experiment}"
    verdict = one._repr_markdown_() + ", exploratory" * one.is_exploratory
    return f"{declared.id}, {markdown(declared.title)}", verdict, measured, where


def _claim(judged: Judged, alone: bool, settled_by: Outlook | None) -> str:
    """`fine-tuned less probe +2.98 [2.08, 3.88] points, p < 0.001`; what does not hold says so."""
    say = markdown(judged.claim.say, prose=True)
    if judged.shown is None:
        return f"{say}: not tested ({markdown(judged.reason)})"
    text = f"{say} {judged.shown._repr_markdown_()}"
    if judged.claim.margin:
        margin = judged.claim.margin
        number = numbers.fixed(margin, 0 if float(margin).is_integer() else 1)
        text += f" (expected: {_SIDE[judged.claim.expect]} {number})"
    if judged.p is not None:
        text += ", " + markdown(numbers.p_value(judged.p)).replace(" ", "\u00a0")
    if not alone and judged.verdict != "supported":
        text += f", {judged.verdict}"
    if settled_by is not None:
        text += f", {settled_by.text}"
    return text
