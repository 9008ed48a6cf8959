"""How images became features: preprocessing and pooling of each backbone, in one line each."""

from __future__ import annotations

from collections.abc import Sequence

from cvlib.journal.errors import JournalError
from cvlib.journal.origin import keys_of
from cvlib.journal.quantity import Markdown, markdown
from cvlib.journal.results import Results
from cvlib.journal.variant_results import VariantResults
from cvlib.journal.words import listed


def protocol(results: Results, variants: Sequence[str | VariantResults] | None) -> Markdown:
    """A list with a line for each protocol that differs, headed by its variants."""
    chosen = results.chosen(variants)
    found: dict[str, list[str]] = {}
    shown = results.shown(chosen)
    runs = keys_of(shown)
    for variant in shown:
        for text in dict.fromkeys(_texts(variant)):
            found.setdefault(text, []).append(variant.label)
    if not found:
        if all(variant.is_skipped for variant in chosen):
            return Markdown("No protocol: every variant was skipped.", ())
        raise JournalError(
            f"{results.experiment.id}: {listed([v.label for v in chosen])} use no features, so "
            "they have no protocol; name linear probes"
        )
    lines = [
        (markdown(listed(labels, most=len(labels))), markdown(text.strip().rstrip(".")))
        for text, labels in found.items()
    ]
    if len(lines) == 1:
        return Markdown(f"Protocol of {lines[0][0]}: {lines[0][1]}.", runs)
    return Markdown("\n".join(f"- **{labels}**: {text}" for labels, text in lines), runs)


def _texts(variant: VariantResults) -> list[str]:
    rows = [row for run in variant.runs.values() for row in run.tables.get("protocol", [])[:1]]
    return [str(row["text"]) for row in rows if row.get("text")]
