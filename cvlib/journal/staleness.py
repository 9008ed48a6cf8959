"""Stale results said aloud: by reason, for notes below tables and figures and for a callout."""

from __future__ import annotations

from collections.abc import Iterable

from cvlib.journal.quantity import STALE_MARK, markdown
from cvlib.journal.results import Results, VariantResults
from cvlib.journal.words import counted, listed


def stale_reasons(variants: Iterable[VariantResults]) -> dict[str, list[str]]:
    """Reason -> labels of the variants with results that are stale for it."""
    reasons: dict[str, list[str]] = {}
    for variant in variants:
        for status in variant.statuses:
            if status.state == "stale" and status.result is not None:
                labels = reasons.setdefault(status.reason, [])
                if variant.label not in labels:
                    labels.append(variant.label)
    return reasons


def stale_note(variants: Iterable[VariantResults]) -> str:
    """One line for a figure: `† older code or environment: base, wide`; '' when all is fresh."""
    labels = [variant.label for variant in variants if variant.is_stale]
    return f"{STALE_MARK} stale results: {listed(labels)}" if labels else ""


def absence_note(variants: Iterable[VariantResults]) -> str:
    """One line for a figure: `not shown: no norm (failed)`; '' when all variants have results."""
    absent = [
        f"{v.label} ({', '.join(dict.fromkeys(s.state for s in v.statuses))})"
        for v in variants
        if not v.runs
    ]
    return f"not shown: {listed(absent)}" if absent else ""


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
    again = f"`cvlib run {name} --rerun all` trains them again."
    return f'::: {{.callout-warning title="Stale results"}}\n{body}\n\n{again}\n:::'
