"""Where what is shown comes from, as marks in its Markdown: the runs, or the file that says it.

A value in a sentence is a span `[91.6%]{.value runs="03234b5f94 0715fed6b6"}`, or
`[3]{.value source="experiments/exp01.yaml"}` where no run says it; a table's note ends with an
empty span `[]{.traced runs="…"}`; a figure's file has `runs: …` in its description. None of it is
seen in a PDF. `cvlib trace` reads it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cvlib.journal.variant_results import VariantResults

DIGITS = 10  # of a run's key: enough to tell a million runs apart
DESCRIBED = "runs: "


def keys_of(variants: Iterable[VariantResults]) -> tuple[str, ...]:
    """Keys of the runs that hold the results of these variants, each once, in order."""
    found = (run.key for variant in variants for run in variant.runs.values())
    return tuple(dict.fromkeys(found))


def value_span(markdown: str, runs: Iterable[str] = (), source: str = "") -> str:
    """The Markdown of a value with its origin around it; alone where it has none."""
    attributes = _attributes(runs, source)
    return f"[{markdown}]{{.value{attributes}}}" if attributes else markdown


def traced_span(runs: Iterable[str]) -> str:
    """An empty span that names the runs of a block; '' without any."""
    attributes = _attributes(runs)
    return f"[]{{.traced{attributes}}}" if attributes else ""


def description(runs: Iterable[str]) -> str:
    """The same for the metadata of a picture: `runs: 03234b5f94 0715fed6b6`; '' without any."""
    names = short_names(runs)
    return f"{DESCRIBED}{names}" if names else ""


def _attributes(runs: Iterable[str], source: str = "") -> str:
    names = short_names(runs)
    return f' runs="{names}"' * bool(names) + f' source="{source}"' * bool(source)


def short_names(runs: Iterable[str]) -> str:
    """`03234b5f94 0715fed6b6`."""
    return " ".join(dict.fromkeys(key[:DIGITS] for key in runs))
