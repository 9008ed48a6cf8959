"""Sentences below every table of variants: what has no random part, was skipped, is stale."""

from __future__ import annotations

from collections.abc import Sequence

from cvlib.journal.quantity import STALE_MARK
from cvlib.journal.results import VariantResults
from cvlib.journal.skipped import by_reason
from cvlib.journal.spread import NO_RANDOM_PART
from cvlib.journal.staleness import stale_reasons
from cvlib.journal.words import listed


def without_random_part(shown: Sequence[VariantResults]) -> list[str]:
    """`Probe: the same for every seed.`; empty when every variant has a random part."""
    fixed = [variant for variant in shown if variant.is_deterministic]
    if not fixed:
        return []
    which = "All results" if len(fixed) == len(shown) else _names(fixed)
    return [f"{which}: {NO_RANDOM_PART}."]


def skipped_and_stale(rows: Sequence[VariantResults], shown: Sequence[VariantResults]) -> list[str]:
    """A sentence for each reason for which some of the rows were skipped, or those shown are stale."""
    sentences = [
        f"Skipped: {_names(variants)}: {reason}." for reason, variants in by_reason(rows).items()
    ]
    for reason, labels in stale_reasons(shown).items():
        which = "all variants" if len(labels) == len(shown) else ", ".join(labels)
        sentences.append(f"{STALE_MARK} Stale: {which}: {reason}.")
    return sentences


def _names(variants: Sequence[VariantResults]) -> str:
    return listed([variant.label for variant in variants], most=len(variants))
