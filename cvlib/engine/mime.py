"""Which form of an output a format shows, by Quarto's order of preference."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cvlib.engine.project import Target

HTML, MARKDOWN, LATEX, PLAIN = "text/html", "text/markdown", "text/latex", "text/plain"
SVG, PNG, JPEG = "image/svg+xml", "image/png", "image/jpeg"
IMAGES = {SVG: "svg", PNG: "png", JPEG: "jpeg"}

_SCRIPTS = (
    "application/vnd.jupyter.widget-state+json",
    "application/vnd.jupyter.widget-view+json",
    "application/javascript",
)
_PYPLOT = re.compile(r"<Figure size ")
_TABLE = re.compile(r"<table", re.IGNORECASE)


def choose(data: Mapping[str, Any], target: Target, figure_format: str) -> str | None:
    """Return the MIME type of `data` that `target` shows, or None if it can show none.

    For HTML an object's HTML comes before its Markdown, for Typst only Markdown counts, and HTML
    only when it is a table. A pyplot figure, which the kernel draws as both SVG and PNG so that one
    execution serves both formats, is taken in `figure_format`; of other objects SVG comes first.
    """
    images = [SVG, PNG, JPEG]
    if _PYPLOT.match(text_of(data.get(PLAIN, ""))) and figure_format != "svg":
        images = [PNG, SVG, JPEG]
    order = [MARKDOWN, *images]
    if target == "html":
        order = [*_SCRIPTS, HTML, *order]
    elif _TABLE.search(text_of(data.get(HTML, ""))):
        order.append(HTML)
    order.append(PLAIN)
    return next((kind for kind in order if kind in data), None)


def is_script(kind: str) -> bool:
    """Whether the type is a widget or JavaScript, which no page of ours runs."""
    return kind in _SCRIPTS


def with_math(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Offer LaTeX that is a formula as Markdown too, as Quarto does."""
    latex = text_of(data.get(LATEX, ""))
    formula = (latex.startswith("$") and latex.endswith("$")) or (
        latex.startswith("\\begin{") and "\\end{" in latex
    )
    return {**data, MARKDOWN: latex} if formula and MARKDOWN not in data else data


def text_of(value: Any) -> str:
    """Join an output's text, which a notebook may hold as lines."""
    return "".join(value) if isinstance(value, list) else str(value)
