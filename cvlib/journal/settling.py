"""What would settle the undecided claims of a hypothesis: seeds and minutes, or test images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cvlib.analysis.settling import MOST_SEEDS, forecast
from cvlib.journal import numbers
from cvlib.journal.effects import margin_of
from cvlib.journal.estimates import is_fixed

if TYPE_CHECKING:
    from cvlib.analysis.settling import Forecast
    from cvlib.journal.effects import Judged
    from cvlib.journal.hypotheses import JudgedHypothesis
    from cvlib.journal.results import VariantResults


@dataclass(frozen=True)
class Outlook:
    """What one undecided claim would be decided with.

    seeds: of each variant, None where they do not settle it; varying: the variants that get them;
    images: test images that would, where seeds do not; text: `settled by about 8 seeds (5 more, 14
    min)`.
    """

    seeds: int | None
    varying: tuple[VariantResults, ...]
    images: int | None
    text: str

    @property
    def seconds(self) -> float:
        """Training time of the seeds that are missing, one run after another."""
        return 0.0 if self.seeds is None else training_seconds(self.varying, self.seeds)


def training_seconds(variants: Sequence[VariantResults], seeds: int) -> float:
    """Time to train all of them with so many seeds, one run after another, as long as those before."""
    return sum(
        max(seeds - len(one.variant.seeds), 0) * one.mean("train_seconds") for one in variants
    )


def outlooks(claims: Sequence[Judged], level: float) -> list[Outlook | None]:
    """What would settle each claim; None of one that is decided, not tested, or has no estimate.

    level: at which they will be judged, all that are undecided together (Holm).
    """
    undecided = [one for one in claims if one.verdict == "undecided" and one.estimate is not None]
    return [_outlook(one, level / len(undecided)) if one in undecided else None for one in claims]


def _outlook(judged: Judged, level: float) -> Outlook:
    assert judged.estimate is not None
    varying = tuple(one for one in judged.variants if not is_fixed(one, judged.claim.metric))
    counts = [len(one.runs) for one in varying]
    found = forecast(judged.estimate, margin_of(judged.claim), counts, level)
    if found.factor is not None:
        return _by_images(judged, varying, found)
    if found.seeds is None:
        return Outlook(None, varying, None, f"settled by more than {MOST_SEEDS:,} seeds, if at all")
    time = numbers.duration(training_seconds(varying, found.seeds))
    text = f"settled by about {found.seeds:,} seeds ({found.seeds - min(counts):,} more, {time})"
    return Outlook(found.seeds, varying, None, text)


def _by_images(judged: Judged, varying: tuple[VariantResults, ...], found: Forecast) -> Outlook:
    assert found.factor is not None
    of_val = judged.claim.metric.startswith("val_")
    count = min(
        one.mean("val_images")
        if of_val and one.has("val_images")
        else len(one.tested(next(iter(one.runs))).labels)
        for one in judged.variants
    )
    images = int(float(f"{found.factor * count:.2g}"))
    noun = "validation images" if of_val else "test images"
    seeds_too = "more seeds and " * (found.seeds is not None)
    text = f"settled by {seeds_too}about {images:,} {noun}"
    if not of_val and all(one.variant.spec.dataset.test_subset is None for one in judged.variants):
        text += ", more than there are"
    return Outlook(None, varying, images, text)


def hypotheses_json(hypotheses: Sequence[JudgedHypothesis]) -> list[dict[str, Any]]:
    """Each hypothesis with its claims, as plain data for `cvlib status --hypotheses --json`."""
    return [
        {
            "hypothesis": one.id,
            "title": one.declared.title,
            "verdict": one.verdict.text,
            "level": one.level,
            "looks": one.looks if one.declared.settle else None,
            "claims": [
                _claim_json(claim, outlook)
                for claim, outlook in zip(one.claims, one.settled_by, strict=True)
            ],
        }
        for one in hypotheses
    ]


def _claim_json(judged: Judged, outlook: Outlook | None) -> dict[str, Any]:
    shown = judged.shown
    settled_by = outlook and {
        "seeds": outlook.seeds,
        "images": outlook.images,
        "minutes": None if outlook.seeds is None else outlook.seconds / 60,
        "text": outlook.text,
    }
    return {
        "say": judged.claim.say,
        "verdict": judged.verdict,
        "reason": judged.reason,
        "value": shown and shown.value,
        "low": shown and shown.low,
        "high": shown and shown.high,
        "p": judged.p,
        "settled_by": settled_by,
    }


def hypotheses_text(hypotheses: Sequence[JudgedHypothesis]) -> str:
    """The same for the terminal: a line a hypothesis, below it one for each claim."""
    lines = []
    for one in hypotheses:
        rule = f" (look {len(one.looks)}, {one.level:.2g})" if one.declared.settle else ""
        lines.append(f"{one.id}  {one.declared.title}: {one.verdict.text}{rule}")
        pairs = zip(one.claims, one.settled_by, strict=True)
        lines += [claim_text(claim, outlook) for claim, outlook in pairs]
    return "\n".join(lines)


def claim_text(judged: Judged, outlook: Outlook | None) -> str:
    """A claim with what was measured, and below it what would settle it, for the terminal."""
    said = f"not tested: {judged.reason}"
    if judged.shown is not None:
        p = "" if judged.p is None else f", {numbers.p_value(judged.p)}"
        said = f"{judged.verdict}  {judged.shown.text}{p}"
    return f"    {judged.claim.say}: {said}" + (f"\n        {outlook.text}" if outlook else "")
