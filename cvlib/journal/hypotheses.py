"""The project's hypotheses and what the runs say of them.

from cvlib.journal import hypotheses

h = hypotheses()
h.listing()        # for the Description
h["H5"]            # `supported`, in a sentence
h.table()          # for the Summary: verdicts with the numbers
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cvlib.journal.errors import JournalError, NotTested
from cvlib.journal.origin import keys_of
from cvlib.journal.quantity import Markdown, Quantity

if TYPE_CHECKING:
    from cvlib.analysis.verdict import Verdict
    from cvlib.journal.effects import Effect
    from cvlib.journal.variant_results import VariantResults
    from cvlib.project import Project
    from cvlib.studies.hypotheses import Claim, Hypothesis

NOT_TESTED = "not tested"


def hypotheses(*, root: Path | None = None, profile: str | None = None) -> Hypotheses:
    """The hypotheses of `experiments/hypotheses.yaml` in the project of the working folder.

    Raises SpecError when the file does not say what it should, JournalError when there is none.
    """
    from cvlib.project import find_project
    from cvlib.studies.hypotheses import FILE, load_hypotheses

    layout = find_project(root, profile)
    declared = load_hypotheses(layout)
    if not declared:
        raise JournalError(f"no hypotheses are declared; write them into experiments/{FILE}")
    return Hypotheses(layout, declared)


@dataclass(frozen=True)
class Judged:
    """One claim with what was measured. p: adjusted; reason: why it was not tested, else ''."""

    claim: Claim
    effect: Effect | None
    p: float | None
    verdict: Verdict | None
    reason: str = ""


class Hypotheses:
    """All hypotheses, in the order of their file. Results are read when they are asked for."""

    def __init__(self, layout: Project, declared: tuple[Hypothesis, ...]) -> None:
        self.layout = layout
        self._all = {one.id: JudgedHypothesis(self, one) for one in declared}
        self._variants: dict[str, dict[str, VariantResults]] = {}

    def __getitem__(self, name: str) -> JudgedHypothesis:
        """The hypothesis of that id; raises JournalError that lists what there is."""
        if name not in self._all:
            raise JournalError(f"no hypothesis {name!r}; there is: {', '.join(self._all)}")
        return self._all[name]

    def __iter__(self) -> Iterator[JudgedHypothesis]:
        return iter(self._all.values())

    def __len__(self) -> int:
        return len(self._all)

    def listing(self) -> Markdown:
        """Every hypothesis with its statement, as a list of definitions."""
        from cvlib.journal.hypotheses_table import listing

        return listing([one.declared for one in self])

    def table(self, most: int = 3) -> Markdown:
        """Verdicts, a row a hypothesis: effects with interval and p-value, and where they are shown.

        most: claims of each; those that do not hold come first.
        """
        from cvlib.journal.hypotheses_table import verdicts_table

        return verdicts_table(list(self), most, self.runs)

    def count(self, verdict: str) -> Quantity:
        """`5`: how many hypotheses have this verdict."""
        found = [one for one in self if one.verdict.text == verdict]
        stale = any(variant.is_stale for one in self for variant in one.variants)
        return Quantity(f"{len(found)}", len(found), stale=stale).traced(self.runs, self.source)

    @property
    def runs(self) -> tuple[str, ...]:
        """Keys of the runs that the verdicts were computed from."""
        return keys_of(variant for one in self for variant in one.variants)

    @property
    def source(self) -> str:
        """`experiments/hypotheses.yaml`: where they are declared, from the project's root."""
        from cvlib.studies.hypotheses import FILE

        return (self.layout.experiments / FILE).relative_to(self.layout.root).as_posix()

    def find(self, name: str) -> VariantResults:
        """A variant by `experiment/variant`, or `experiment/best:FACTOR`.

        Raises NotTested where this profile does not have it or has no result of it.
        """
        from cvlib.studies.hypotheses import BEST

        experiment_id, _, variant = name.partition("/")
        of = self._of(experiment_id)
        if variant.startswith(BEST):
            factor = variant.removeprefix(BEST)
            among = [v for v in of.values() if v.factor == factor and v.runs]
            if not among:
                raise NotTested(f"{experiment_id} has no result of factor {factor}")
            return max(among, key=lambda v: v.mean("val_accuracy"))
        if variant not in of:
            if self.layout.profile != "default":
                raise NotTested(f"{name} is no part of profile {self.layout.profile}")
            raise JournalError(
                f"hypotheses.yaml names {name!r}, but {experiment_id} has: {', '.join(of)}"
            )
        found = of[variant]
        if not found.runs and not found.is_skipped:
            raise NotTested(f"{name} has no result ({found.state_words})")
        return found

    def _of(self, experiment_id: str) -> dict[str, VariantResults]:
        if experiment_id not in self._variants:
            from cvlib.journal.handle import experiment

            handle = experiment(experiment_id, root=self.layout.root, profile=self.layout.profile)
            self._variants[experiment_id] = {v.name: v for v in handle.results.variants}
        return self._variants[experiment_id]


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
        from cvlib.analysis.paired import holm
        from cvlib.analysis.verdict import claim_verdict
        from cvlib.journal.effects import effect

        found: list[tuple[Claim, Effect | None, str]] = []
        for claim in self.declared.claims:
            try:
                found.append((claim, effect(claim, self._of.find), ""))
            except NotTested as why:
                found.append((claim, None, str(why)))
        raw = [e.p for c, e, _ in found if e is not None and e.p is not None and c.margin == 0]
        adjusted = iter(holm(raw))
        judged = []
        for claim, measured, reason in found:
            if measured is None:
                judged.append(Judged(claim, None, None, None, reason))
                continue
            p = next(adjusted) if measured.p is not None and claim.margin == 0 else None
            said = claim_verdict(measured.low, measured.high, claim.margin, claim.expect, p)
            judged.append(Judged(claim, measured, p, said))
        return tuple(judged)

    @property
    def variants(self) -> tuple[VariantResults, ...]:
        """Everything that its claims were computed from."""
        return tuple(v for one in self.claims if one.effect for v in one.effect.variants)

    @property
    def verdict(self) -> Quantity:
        """`supported`, `refuted`, `undecided`, or `not tested` where a claim could not be."""
        from cvlib.analysis.verdict import joint_verdict

        said = [one.verdict for one in self.claims if one.verdict is not None]
        complete = len(said) == len(self.claims)
        text = joint_verdict(said) if said and (complete or "refuted" in said) else NOT_TESTED
        stale = any(variant.is_stale for variant in self.variants)
        return Quantity(text, stale=stale).traced(keys_of(self.variants), self._of.source)

    def effect(self, place: int = 0) -> Quantity:
        """`+2.98 [2.08, 3.88] points`: what was measured for the claim at `place`."""
        from cvlib.journal.quantity import Skipped

        if not 0 <= place < len(self.claims):
            raise JournalError(f"{self.id} has {len(self.claims)} claims, none at {place}")
        one = self.claims[place]
        if one.effect is None:
            return Skipped(NOT_TESTED, reason=f"{self.id}: {one.claim.say}: {one.reason}")
        return one.effect.shown

    def __str__(self) -> str:
        return str(self.verdict)

    def __repr__(self) -> str:
        return f"<{self.id}: {self.declared.title}; {len(self.declared.claims)} claims>"

    def _repr_markdown_(self) -> str:
        return self.verdict._repr_markdown_()
