"""What is said below tables and figures: what was skipped, is missing, stale, or the same for every seed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from cvlib.journal.handle import of_experiment
from cvlib.journal.quantity import STALE_MARK, Markdown
from cvlib.journal.words import counted, grouped, listed
from cvlib.markup import markdown

if TYPE_CHECKING:
    from cvlib.journal.mistake_cases import Mistakes
    from cvlib.journal.quantity import Words
    from cvlib.journal.results import Name, Results, VariantResults

NO_RANDOM_PART = "no random part, the same for every seed"


@of_experiment
def skipped(results: Results, *variants: Name) -> Markdown:
    """Which variants were skipped, and why; empty when none was.

    Example: exp03.skipped()
    """
    return skipped_note(results.chosen(variants or None))


def skipped_note(variants: Iterable[VariantResults]) -> Markdown:
    """The same of these variants."""
    return Markdown(markdown(" ".join(skip_sentences(variants, with_count=True))), ())


def skip_reasons(variants: Iterable[VariantResults]) -> dict[str, list[VariantResults]]:
    """Reason -> the variants skipped for it.

    Reasons that differ in nothing but the backbone's name are one, said of `the backbone`. What
    is said of one in `its …` is said of several in `their …`.
    """
    alike: dict[str, list[VariantResults]] = {}
    for variant in variants:
        if variant.is_skipped:
            name = getattr(variant.variant.spec.model, "name", None)
            reason = variant.skip_reason.replace(name, "the backbone") if name else ""
            alike.setdefault(reason or variant.skip_reason, []).append(variant)
    found = {}
    for reason, members in alike.items():
        own = {member.skip_reason for member in members}
        said = own.pop() if len(own) == 1 else reason
        found[re.sub(r"^its\b", "their", said) if len(members) > 1 else said] = members
    return found


def skip_sentences(variants: Iterable[VariantResults], with_count: bool = False) -> list[str]:
    """`Skipped: A and B: their weights …`, one a reason; none when none was skipped.

    with_count: `A and B (2 variants)`.
    """
    sentences = []
    for reason, members in skip_reasons(variants).items():
        count = f" ({len(members)} variants)" if with_count and len(members) > 1 else ""
        names = listed([member.label for member in members], most=len(members))
        sentences.append(f"Skipped: {names}{count}: {reason}.")
    return sentences


def stale_reasons(variants: Sequence[VariantResults]) -> dict[str, list[Words]]:
    """Reason -> labels of the variants with results that are stale for it."""
    return grouped(
        (status.reason, variant.label)
        for variant in variants
        for status in variant.statuses
        if status.state == "stale" and status.result is not None
    )


def marks(shown: Sequence[VariantResults]) -> dict[str, str]:
    """What to put behind each variant's label, by id: a mark if it is stale and others are not."""
    everything = all(variant.is_stale for variant in shown)
    return {v.id: STALE_MARK if v.is_stale and not everything else "" for v in shown}


def stale_note(shown: Sequence[VariantResults]) -> str:
    """One line for a figure: `† stale: base, wide`; '' when all is fresh."""
    labels = [variant.label for variant in shown if variant.is_stale]
    if len(labels) == len(shown) > 0:
        return "all results shown are stale, see the provenance"
    return f"{STALE_MARK} stale, see the provenance: {listed(labels)}" if labels else ""


def fixed_note(shown: Sequence[VariantResults]) -> str:
    """One line for a figure: which points have no random part, and so no interval over seeds."""
    labels = [variant.label for variant in shown if variant.is_deterministic]
    if len(labels) == len(shown) > 0:
        return "nothing shown has a random part: the same for every seed"
    return f"no random part, the same for every seed: {listed(labels)}" if labels else ""


def absence_note(variants: Iterable[VariantResults]) -> str:
    """One line for a figure: `not shown: no norm (failed)`; '' when all variants have results."""
    absent = grouped(
        (variant.state_words, variant.label) for variant in variants if not variant.runs
    )
    groups = [f"{listed(labels)} ({state})" for state, labels in absent.items()]
    return f"not shown: {', '.join(groups)}" if absent else ""


def callout(results: Results) -> str:
    """A warning for the top of a chapter that shows stale results; '' when there is none."""
    reasons = stale_reasons(results.variants)
    if not reasons:
        return ""
    stale = [s for s in results.statuses if s.state == "stale" and s.result is not None]
    name = results.experiment.id
    were = "was" if len(stale) == 1 else "were"
    count = f"{counted(len(stale), 'run')} of {len(results.statuses)} shown here {were} made"
    first = markdown(f"{count} before something changed (marked {STALE_MARK}):")
    each = [f"- {markdown(f'{listed(labels)}: {reason}')}" for reason, labels in reasons.items()]
    body = "\n".join([first, "", *each])
    cues = {str(status.cue) for status in stale}
    rerun = cues.pop() if len(cues) == 1 else "all"
    again = f"`cvlib run {name} --rerun {rerun}` trains them again."
    return f'::: {{.callout-warning title="Stale results"}}\n{body}\n\n{again}\n:::'


def variant_sentences(
    rows: Sequence[VariantResults],
    shown: Sequence[VariantResults],
    columns: Iterable[tuple[str, str]],
) -> list[str]:
    """What is said below a table of variants: no random part, left out, missing, skipped, stale.

    columns: metric and head of each.
    """
    sentences = []
    if fixed := [variant.label for variant in shown if variant.is_deterministic]:
        which = listed(fixed, len(fixed)) if len(fixed) < len(shown) else "All results"
        sentences.append(f"{which}: {NO_RANDOM_PART}.")
    for variant in shown:
        if stopped := sum(run.metrics.get("converged", 1) == 0 for run in variant.runs.values()):
            of = f"{stopped} of {counted(len(variant.runs), 'seed')}"
            sentences.append(
                f"{variant.label}: the solver of the probe stopped before its minimum ({of})."
            )
    left_out = grouped(
        ((head, variant.left_out[metric]), variant.label)
        for variant in shown
        for metric, head in columns
        if metric in variant.left_out
    )
    for (head, reason), labels in left_out.items():
        sentences.append(f"{head} left out of {listed(labels, len(labels))}: {reason}.")
    return [*sentences, *without_results(rows), *skipped_and_stale(rows, shown)]


def in_rows(variants: Sequence[VariantResults]) -> list[VariantResults]:
    """Those that a table has a row for: not the skipped, which its note names with the reason.

    All of them when every one was skipped.
    """
    return [variant for variant in variants if not variant.is_skipped] or list(variants)


def without_results(rows: Iterable[VariantResults]) -> list[str]:
    """`A: no result, failed: …` or `A: 2 of 3 seeds, …`, for those that were not skipped."""
    sentences = []
    for variant in rows:
        if not variant.is_complete and not variant.is_skipped:
            there = f"{len(variant.runs)} of {counted(len(variant.statuses), 'seed')}"
            what = there if variant.runs else "no result"
            sentences.append(f"{variant.label}: {what}, {variant.absence()}.")
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


def rates_note(found: Mistakes) -> str:
    """`2 convolutions a block, 10,000 test images, mean over 3 seeds`."""
    subject = found.cases.subject
    seeds = len(subject.predicted)
    images = counted(len(subject.ids), "test image")
    over = f"mean over {seeds} seeds" if seeds > 1 else "one seed"
    return f"{subject.variant.label}, {images}, {over}"


def left_out_note(found: Mistakes) -> str:
    """Which variants are not shown, and why; '' when all are."""
    apart = listed([variant.label for variant in found.cases.apart])
    why = f"tested on other images: {apart}" if apart else ""
    return "; ".join(note for note in (absence_note(found.cases.absent), why) if note)


def subject_sentences(found: Mistakes) -> list[str]:
    """Sentences on what is missing or stale of the subject."""
    return without_results(found.variants[:1]) + skipped_and_stale(
        found.variants[:1], found.variants[:1]
    )
