"""What the embedded engine understands. Anything else stops a render with an error.

This is the one table for both halves: the reading and running of chapters, and the conversion to
PDF and HTML. Quarto itself knows far more.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_text_or_list(value: Any) -> bool:
    items = value if isinstance(value, list) else []
    return _is_text(value) or (bool(items) and all(isinstance(item, str) for item in items))


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_CELL_LABEL = re.compile(r"^[A-Za-z][\w-]*$")
_TRUE_OR_FALSE = (_is_bool, "true or false")
_TEXTS = (_is_text_or_list, "text, or a list of texts")
_INCHES = (_is_number, "inches")
# Options of a cell, each with what its value must be.
CELL_OPTIONS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "label": (lambda value: isinstance(value, str) and _CELL_LABEL.match(value) is not None,
              "a name as fig-curves or tbl-accuracy (letters, digits, - and _)"),
    "fig-cap": _TEXTS,
    "fig-subcap": (lambda value: value is True or _is_text_or_list(value), "a list of texts"),
    "fig-alt": _TEXTS,
    "tbl-cap": (_is_text, "text"),
    "fig-width": _INCHES,
    "fig-height": _INCHES,
    "layout-ncol": (lambda value: _is_number(value) and isinstance(value, int), "a whole number"),
    "code-fold": (lambda value: _is_bool(value) or value == "show", "true, false or show"),
    "echo": _TRUE_OR_FALSE,
    "eval": _TRUE_OR_FALSE,
    "include": _TRUE_OR_FALSE,
    "warning": _TRUE_OR_FALSE,
    "output": (lambda value: _is_bool(value) or value == "asis", "true, false or asis"),
    "error": (lambda value: value is False, "false: a failing cell stops the render"),
}  # fmt: skip

SHORTCODES = _names("include pagebreak")

# Div classes that mean something to Quarto and that the conversion half carries out.
DIV_CLASSES = _names("""
    callout-note callout-tip callout-warning callout-important callout-caution
    content-visible content-hidden unnumbered unlisted
    cell cell-output cell-output-display cell-output-markdown
    cell-output-stdout cell-output-stderr cell-output-error
""")

# Keys of a chapter's YAML header.
HEADER_KEYS = _names("title subtitle abstract jupyter execute number-sections")

# Keys of a YAML block after it, whose values may come from cells.
LATE_HEADER_KEYS = _names("title subtitle abstract")

# Keys of _quarto.yml by section. "" is the top level, "format" any one format.
PROJECT_KEYS = {
    "": _names("""
        project book crossref bibliography csl number-sections number-depth jupyter execute format
        toc toc-depth toc-title lang fig-width fig-height fig-dpi fig-format code-fold link-citations
    """),
    "project": _names("type output-dir"),
    "book": _names("title subtitle author date description output-file chapters appendices"),
    "crossref": _names("chapters fig-title tbl-title fig-prefix tbl-prefix sec-prefix"),
    "execute": _names("""
        freeze echo eval output include warning error fig-width fig-height fig-dpi fig-format
    """),
    "format": _names("""
        toc toc-depth toc-title toc-location number-sections number-depth
        fig-width fig-height fig-dpi fig-format code-fold papersize margin mainfont fontsize columns
        lang link-citations css echo warning execute
    """),
}

# Keys that change nothing in what the embedded engine makes: how Quarto's own site looks, which
# folders it watches, which hooks it starts. Read, and passed over.
HARMLESS_KEYS = {
    "": _names("theme editor filters extensions cvlib"),  # cvlib: settings.py
    "project": _names("render pre-render post-render preview resources"),
    "book": _names("""
        search downloads repo-url repo-actions site-url page-navigation page-footer sidebar favicon
        reader-mode
    """),
    "crossref": _names(""),
    "execute": _names("daemon keep-ipynb cache"),
    "format": _names("""
        theme filters html-math-method embed-resources code-copy code-tools code-overflow
        highlight-style smooth-scroll anchor-sections grid minimal keep-typ fig-align
    """),
    "header": _names("aliases categories date description editor"),
}
