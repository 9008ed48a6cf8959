"""What only Quarto can carry out stops the render, named, with its line."""

from __future__ import annotations

import re

from cvlib.engine.chapter import ExecutedChapter
from cvlib.engine.errors import Unsupported
from cvlib.engine.source_lines import line_of
from cvlib.engine.supported import DIV_CLASSES
from cvlib.engine.tree import Element, elements_in, pairs

# Classes with a meaning of their own in Quarto. Any other class is only a name for style sheets.
QUARTO_CLASSES = re.compile(
    r"panel-.*|column-.*|callout-.*|content-.*|cell.*|grid|g-col-.*|aside|landscape|hidden|"
    r"incremental|nonincremental|notes|fragment|tabset.*|listing|theorem|proof|remark|solution|"
    r"lightbox|code-.*|aspect-.*|page-.*|quarto-.*|screen-.*|margin-.*|light-content|dark-content"
)
QUARTO_DIV_LABELS = re.compile(
    r"(thm|lem|cor|prp|cnj|def|exm|exr|sol|rem|alg|lst|nte|tip|wrn|imp|cau|vid)-"
)
CODE_ATTRIBUTES = {"filename", "code-line-numbers", "lst-cap"}


def refuse_unsupported(blocks: list[Element], chapter: ExecutedChapter) -> None:
    """Raise Unsupported for the first thing in `blocks` that would be lost or drawn wrongly."""
    for element in elements_in(blocks):
        tag = element["t"]
        if tag in ("Div", "Span"):
            _check_classes(element["c"][0], chapter)
        elif tag == "Str" and ("{{<" in element["c"] or ">}}" in element["c"]):
            _stop("a shortcode ({{< … >}}) is", chapter, "{{<")
        elif tag in ("RawBlock", "RawInline"):
            form, text = element["c"]
            _check_raw(form, text, chapter)
        elif tag == "CodeBlock":
            attributes = element["c"][0]
            for key in pairs(attributes):
                if key in CODE_ATTRIBUTES:
                    _stop(f"the attribute {key!r} of a code block is", chapter, key)
            if attributes[0].startswith("lst-"):
                _stop("a numbered listing is", chapter, attributes[0])


def _check_classes(attributes: list, chapter: ExecutedChapter) -> None:
    identifier, classes, _ = attributes
    if QUARTO_DIV_LABELS.match(identifier):
        _stop(f"a block labelled {identifier!r} is", chapter, "#" + identifier)
    for name in classes:
        if name not in DIV_CLASSES and QUARTO_CLASSES.fullmatch(name):
            _stop(f"the class .{name} is", chapter, "." + name, name)


def _check_raw(form: str, text: str, chapter: ExecutedChapter) -> None:
    # a raw line may be all that is left of a shortcode after a LaTeX command
    if form in ("tex", "latex"):
        needle = text.strip().splitlines()[0] if text.strip() else "=latex"
        _stop(f"raw LaTeX ({needle[:40]!r}) is", chapter, needle, "=latex")
    elif form not in ("html", "html4", "html5", "typst"):
        _stop(f"raw content for {form!r} is", chapter, "=" + form)
    elif form != "typst" and re.search(r"<(img|figure|iframe|script|video)\b", text):
        if "{=html}" in chapter.source:
            return  # written as raw HTML on purpose: it is for the HTML pages alone
        found = re.search(r"<\w+", text)
        tag = found.group(0) if found else "<"
        _stop(
            f"raw HTML ({tag}…), which the PDF would not show (a picture in markdown works in both), "
            "is",
            chapter,
            tag,
        )


def _stop(what: str, chapter: ExecutedChapter, *needles: str) -> None:
    raise Unsupported(
        f"{what} not supported by the embedded engine (cvlib/engine/supported.py lists what is); "
        "render with Quarto, or write it another way",
        file=chapter.file,
        line=line_of(chapter.source, *needles),
    )
