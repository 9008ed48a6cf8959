"""Variants that were skipped, such as backbones whose weights cannot be had here, and why."""

from __future__ import annotations

import re
from collections.abc import Iterable

from cvlib.journal.quantity import Markdown, markdown
from cvlib.journal.variant_results import VariantResults
from cvlib.journal.words import counted, listed


def by_reason(variants: Iterable[VariantResults]) -> dict[str, list[VariantResults]]:
    """Reason -> the variants skipped for it.

    Reasons that differ in nothing but the backbone's name are one, said of `the backbone`. What
    is said of one in `its …` is said of several in `their …`.
    """
    alike: dict[str, list[VariantResults]] = {}
    for variant in variants:
        if variant.is_skipped:
            alike.setdefault(_without_name(variant), []).append(variant)
    found = {}
    for reason, members in alike.items():
        own = {member.skip_reason for member in members}
        said = own.pop() if len(own) == 1 else reason
        found[re.sub(r"^its\b", "their", said) if len(members) > 1 else said] = members
    return found


def skip_counts(variants: Iterable[VariantResults]) -> list[str]:
    """`Skipped: 2 variants: their weights …`, one a reason; none when none was skipped."""
    return [
        f"Skipped: {counted(len(members), 'variant')}: {reason}."
        for reason, members in by_reason(variants).items()
    ]


def skip_sentences(variants: Iterable[VariantResults], with_count: bool = False) -> list[str]:
    """`Skipped: A and B: their weights …`, one a reason; none when none was skipped.

    with_count: `A and B (2 variants)`.
    """
    sentences = []
    for reason, members in by_reason(variants).items():
        count = f" ({len(members)} variants)" if with_count and len(members) > 1 else ""
        names = listed([member.label for member in members], most=len(members))
        sentences.append(f"Skipped: {names}{count}: {reason}.")
    return sentences


def skipped(variants: Iterable[VariantResults]) -> Markdown:
    """The same as a block of a chapter; empty when none was skipped."""
    return Markdown(markdown(" ".join(skip_sentences(variants, with_count=True))), ())


def _without_name(variant: VariantResults) -> str:
    name = getattr(variant.variant.spec.model, "name", None)
    return variant.skip_reason.replace(name, "the backbone") if name else variant.skip_reason
