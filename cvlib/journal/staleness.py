"""Stale results said aloud: by reason, for notes below tables and figures and for a callout."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cvlib.journal.quantity import STALE_MARK, markdown
from cvlib.journal.results import Results
from cvlib.journal.variant_results import VariantResults
from cvlib.journal.words import counted, listed


def stale_reasons(variants: Iterable[VariantResults]) -> dict[str, list[str]]:
    """Reason -> labels of the variants with results that are stale for it."""
    reasons: dict[str, dict[str, str]] = {}
    for variant in variants:
        for status in variant.statuses:
            if status.state == "stale" and status.result is not None:
                reasons.setdefault(status.reason, {})[variant.id] = variant.label
    return {reason: list(labels.values()) for reason, labels in reasons.items()}


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
    absent: dict[str, list[str]] = {}
    for variant in variants:
        if not variant.runs:
            absent.setdefault(variant.state_words, []).append(variant.label)
    groups = [f"{listed(labels)} ({state})" for state, labels in absent.items()]
    return f"not shown: {', '.join(groups)}" if absent else ""


def callout(results: Results) -> str:
    """A warning for the top of a chapter that shows stale results; '' when there is none."""
    reasons = stale_reasons(results.variants)
    if not reasons:
        return ""
    stale = [s for s in results.statuses if s.state == "stale" and s.result is not None]
    name = results.experiment.id
    lines = [
        f"{counted(len(stale), 'run')} of {len(results.statuses)} shown here "
        f"{'was' if len(stale) == 1 else 'were'} made before something changed "
        f"(marked {STALE_MARK}):",
        "",
        *(f"- {listed(labels)}: {reason}" for reason, labels in reasons.items()),
    ]
    body = "\n".join(
        markdown(line) if line[:1] != "-" else "- " + markdown(line[2:]) for line in lines
    )
    cues = {str(status.cue) for status in stale}
    rerun = cues.pop() if len(cues) == 1 else "all"
    again = f"`cvlib run {name} --rerun {rerun}` trains them again."
    return f'::: {{.callout-warning title="Stale results"}}\n{body}\n\n{again}\n:::'
