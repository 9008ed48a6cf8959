"""Sentences below every table of variants: what is the same for every seed, missing, skipped, stale."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cvlib.journal.quantity import STALE_MARK, Markdown, markdown
from cvlib.journal.skipped import skip_sentences
from cvlib.journal.spread import NO_RANDOM_PART
from cvlib.journal.staleness import stale_reasons
from cvlib.journal.variant_results import VariantResults
from cvlib.journal.words import counted, listed


def in_rows(variants: Sequence[VariantResults]) -> list[VariantResults]:
    """Those that a table has a row for: not the skipped, which its note names with the reason.

    All of them when every one was skipped.
    """
    return [variant for variant in variants if not variant.is_skipped] or list(variants)


def without_random_part(shown: Sequence[VariantResults]) -> list[str]:
    """`Probe: the same for every seed.`; empty when every variant has a random part."""
    fixed = [variant for variant in shown if variant.is_deterministic]
    if not fixed:
        return []
    which = "All results"
    if len(fixed) < len(shown):
        which = listed([variant.label for variant in fixed], most=len(fixed))
    return [f"{which}: {NO_RANDOM_PART}."]


def without_results(rows: Iterable[VariantResults]) -> list[str]:
    """`A: no result, failed: …` or `A: 2 of 3 seeds, …`, for those that were not skipped."""
    sentences = []
    for variant in rows:
        if not variant.is_complete and not variant.is_skipped:
            there = f"{len(variant.runs)} of {counted(len(variant.statuses), 'seed')}"
            what = there if variant.runs else "no result"
            sentences.append(f"{variant.label}: {what}, {variant.absence()}.")
    return sentences


def metrics_left_out(
    shown: Iterable[VariantResults], columns: Iterable[tuple[str, str]]
) -> list[str]:
    """`20-NN (%) left out of A: there are 15 images …`. columns: metric and head of each."""
    found: dict[tuple[str, str], list[str]] = {}
    for variant in shown:
        for metric, head in columns:
            if metric in variant.left_out:
                found.setdefault((head, variant.left_out[metric]), []).append(variant.label)
    return [
        f"{head} left out of {listed(labels, len(labels))}: {reason}."
        for (head, reason), labels in found.items()
    ]


def not_converged(shown: Iterable[VariantResults]) -> list[str]:
    """`A: the solver of the probe stopped before its minimum (2 of 3 seeds).`, for such probes."""
    sentences = []
    for variant in shown:
        stopped = sum(run.metrics.get("converged", 1) == 0 for run in variant.runs.values())
        if stopped:
            of = f"{stopped} of {counted(len(variant.runs), 'seed')}"
            sentences.append(
                f"{variant.label}: the solver of the probe stopped before its minimum ({of})."
            )
    return sentences


def noted(table: str, sentences: Iterable[str], runs: tuple[str, ...]) -> Markdown:
    """A table with its note below, traced to the runs that it shows; either may be empty."""
    note = markdown(" ".join(sentences))
    return Markdown("\n\n".join(part for part in (table, note) if part), runs)


def skipped_and_stale(rows: Sequence[VariantResults], shown: Sequence[VariantResults]) -> list[str]:
    """A sentence for each reason for which some of the rows were skipped, or those shown are stale."""
    sentences = skip_sentences(rows)
    for reason, labels in stale_reasons(shown).items():
        which = "all variants" if len(labels) == len(shown) else listed(labels, len(labels))
        sentences.append(f"{STALE_MARK} Stale: {which}: {reason}.")
    return sentences
