"""What would settle the undecided claims of a hypothesis: seeds and minutes, or test images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cvlib.analysis.settling import MOST_SEEDS, forecast
from cvlib.journal import numbers
from cvlib.journal.effects import margin_of
from cvlib.journal.estimates import is_fixed

if TYPE_CHECKING:
    from cvlib.analysis.settling import Forecast
    from cvlib.journal.effects import Judged
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
    outlook = Outlook(found.seeds, varying, None, "")
    time = numbers.duration(outlook.seconds)
    text = f"settled by about {found.seeds:,} seeds ({found.seeds - min(counts):,} more, {time})"
    return Outlook(found.seeds, varying, None, text)


def _by_images(judged: Judged, varying: tuple[VariantResults, ...], found: Forecast) -> Outlook:
    assert found.factor is not None
    of_val = judged.claim.metric.startswith("val_")
    count = min(
        one.mean("val_images") if of_val else len(one.tested(next(iter(one.runs))).labels)
        for one in judged.variants
    )
    images = int(float(f"{found.factor * count:.2g}"))
    noun = "validation images" if of_val else "test images"
    text = f"settled by about {images:,} {noun}" + " and more seeds" * (found.seeds is not None)
    if not of_val and all(one.variant.spec.dataset.test_subset is None for one in judged.variants):
        text += ", more than there are"
    return Outlook(None, varying, images, text)
