"""Variants that were skipped, such as backbones whose weights cannot be had here, and why."""

from __future__ import annotations

from collections.abc import Iterable

from cvlib.journal.quantity import Markdown, markdown
from cvlib.journal.results import VariantResults
from cvlib.journal.words import listed


def by_reason(variants: Iterable[VariantResults]) -> dict[str, list[VariantResults]]:
    """Reason -> the variants skipped for it.

    Reasons that differ in nothing but the backbone's name are one, said of `the backbone`.
    """
    alike: dict[str, list[VariantResults]] = {}
    for variant in variants:
        if variant.is_skipped:
            alike.setdefault(_without_name(variant), []).append(variant)
    found = {}
    for reason, members in alike.items():
        own = {member.skip_reason for member in members}
        found[own.pop() if len(own) == 1 else reason] = members
    return found


def skipped(variants: Iterable[VariantResults]) -> Markdown:
    """`Skipped: A and B (2 variants): their weights …`; empty when none was skipped."""
    sentences = []
    for reason, members in by_reason(variants).items():
        count = f" ({len(members)} variants)" if len(members) > 1 else ""
        names = listed([member.label for member in members], most=len(members))
        sentences.append(f"{names}{count}: {reason}.")
    return Markdown(markdown("Skipped: " + " ".join(sentences)) if sentences else "")


def _without_name(variant: VariantResults) -> str:
    name = getattr(variant.variant.spec.model, "name", None)
    return variant.skip_reason.replace(name, "the backbone") if name else variant.skip_reason
