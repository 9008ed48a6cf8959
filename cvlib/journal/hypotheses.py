"""The project's hypotheses and what the runs say of them.

from cvlib.journal import hypotheses

h = hypotheses()
h.listing()        # for the Description
h["H5"]            # `supported`, in a sentence
h.table()          # for the Summary: verdicts with the numbers
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from cvlib.journal import numbers
from cvlib.journal.errors import JournalError, NotTested
from cvlib.journal.handle import current_project, note_file, results_of
from cvlib.journal.notes import noted
from cvlib.journal.quantity import Markdown, Quantity, Skipped, keys_of
from cvlib.markup import markdown
from cvlib.project import HYPOTHESES

if TYPE_CHECKING:
    from pathlib import Path

    from cvlib.journal.effects import Judged
    from cvlib.journal.results import VariantResults
    from cvlib.project import Project
    from cvlib.studies.hypotheses import Hypothesis

NOT_TESTED = "not tested"
_SIDE = {"above": "more than", "below": "less than"}


def hypotheses(*, root: Path | None = None, profile: str | None = None) -> Hypotheses:
    """The hypotheses of `experiments/hypotheses.yaml` in the project of the working folder.

    Raises SpecError when the file does not say what it should, JournalError when there is none.
    """
    project = current_project(root, profile)
    note_file(_file(project))
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

        Example: h.listing()
        """
        self.project.note_read("hypotheses", "listed")
        items = [
            f"{markdown(one.id)}, {markdown(one.declared.title)}.\n"
            f":   {markdown(one.declared.statement, prose=True)}"
            for one in self._all.values()
        ]
        return Markdown("\n\n".join(items), ())

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
        test = ", and its p-value from the same model, Holm-adjusted within a hypothesis, is below 0.05"
        note = (
            "Supported: every claim’s 95% interval lies on the side that was expected"
            f"{test * adjusted}; refuted: one claim’s lies on the other side; else undecided. "
            "Brackets: intervals over seeds and test images, of times over seeds, of shares of errors over "
            "images."
        )
        runs = keys_of(variant for one in judged for variant in one.variants)
        return noted(f"{head}\n{rule}\n{lines}", [note], runs)

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
        from cvlib.journal.effects import judged

        return judged(self.declared.claims, self._of.find)

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
    measured = "; ".join(_claim(claim, alone) for claim in one.claims if claim in telling)
    if left := len(one.claims) - len(telling):
        hold = all(c.verdict == "supported" for c in one.claims if c not in telling)
        measured += f"; {left} more" + (" hold" if left > 1 else " holds") * hold
    where = f"@{declared.shown}" if declared.shown else f"@sec-{declared.experiment}"
    return f"{declared.id}, {markdown(declared.title)}", one._repr_markdown_(), measured, where


def _claim(judged: Judged, alone: bool) -> str:
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
    return text
