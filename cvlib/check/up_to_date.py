"""The PDF is of the chapters as they are now: it has their words and their values."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from cvlib.check.finding import Finding, failed, ok, unchecked
from cvlib.check.inline_values import SPAN, OtherText, inline_values
from cvlib.check.pdf.document import Pdf
from cvlib.check.prose import without_blocks
from cvlib.check.subject import CheckedChapter, Subject

_DIV = re.compile(r"^:{3,}(?P<opens>[ \t]*[^\s:].*)?$")
_CONDITIONAL = re.compile(r"\.content-(?:visible|hidden)\b")
# Where the words of the PDF may differ from those of the markdown: code, calls, math, attributes,
# footnotes, pictures, shortcodes, and the borders of blocks, cells and items.
_BREAKS = re.compile(
    r"`[^`\n]*`(?:\{[^}]*\})?|\[[^\[\]]*@[^\[\]]*\]|@[\w{][\w:.\-}]*|\$[^$]*\$|\^\[[^\]]*\]|\[\^[^\]]*\]:?|"
    r"\]\([^)]*\)|!\[|\{\{<.*?>\}\}|https?://\S+|<[^>\n]+>|\n[ \t]*\n|\||^:{1,}[^\n]*$|"
    r"^[ \t]*(?:[-*+]|\d+[.)])[ \t]+|^#+[ \t]|\{[^{}]*\}",
    re.MULTILINE,
)
_FEWEST_LETTERS = 25
_NUMBER = re.compile(r"[+−]?\d(?:[\d.,]*\d)?")


def find(subject: Subject) -> Iterator[Finding]:
    """Search the PDF for every longer piece of the chapters' text, and for every value."""
    words, numbers = letters(_text(subject.pdf)), _padded(_text(subject.pdf))
    count, wrong = 0, 0
    loose = [chapter.file for chapter in subject.chapters if chapter.executed("typ") is None]
    if loose:
        yield unchecked(
            f"not frozen, so that the PDF cannot be compared with it: {', '.join(loose)}"
        )
    for chapter in subject.chapters:
        executed = chapter.executed("typ")
        if executed is None:
            continue
        markdown = _without_conditional(without_blocks(executed.markdown))
        pieces = [piece for piece in _pieces(markdown) if letters(piece) not in words]
        values = [
            span["text"]
            for span in SPAN.finditer(markdown)
            if _NUMBER.search(span["text"]) and _padded(span["text"]) not in numbers
        ]
        count += 1
        if pieces or values:
            wrong += 1
            yield _differs(chapter, executed.markdown, pieces, values)
    if not wrong:
        yield ok(f"the PDF has the text and the values of {count} chapters as they are now")


def _differs(
    chapter: CheckedChapter, markdown: str, pieces: list[str], values: list[str]
) -> Finding:
    lacking = values or pieces
    shown = re.sub(r"\\(.)", r"\1", " ".join(lacking[0].split())).replace("\u00a0", " ")
    file, line = _place(chapter, markdown, lacking[0], is_value=bool(values))
    more = f", and {len(lacking) - 1} more" if len(lacking) > 1 else ""
    return failed(
        f"the PDF does not have the {'value' if values else 'text'} "
        f"“{shown[:60]}{'…' if len(shown) > 60 else ''}”{more}: it was made of another version of the chapter",
        "`make report` writes the PDF anew.",
        file=file,
        line=line,
    )


def _place(
    chapter: CheckedChapter, markdown: str, text: str, is_value: bool
) -> tuple[str, int | None]:
    """Find a piece of text in the source, and a value by the expression that gave it."""
    if not is_value:
        return chapter.prose.find(re.escape(text.strip().split("\n")[0][:60]))
    try:
        values = inline_values(chapter.prose, markdown)
    except OtherText:
        return chapter.file, None
    found = (value for value in values if text in value.markdown)
    value = next(found, None)
    return (value.file, value.line) if value else (chapter.file, None)


def letters(text: str) -> str:
    """Return letters and digits alone, so that hyphens, quotes and line ends do not count."""
    return "".join(c for c in unicodedata.normalize("NFKC", text) if c.isalnum())


def _without_conditional(markdown: str) -> str:
    """Leave out blocks for one format alone, with all blocks inside of them."""
    kept, depth, inside = [], 0, 0
    for line in markdown.split("\n"):
        div = _DIV.match(line.rstrip())
        if div and div["opens"]:
            depth += 1
            if not inside and _CONDITIONAL.search(line):
                inside = depth
        elif div:
            inside = 0 if depth == inside else inside
            depth = max(0, depth - 1)
        if not inside:
            kept.append(line)
    return "\n".join(kept)


def _pieces(markdown: str) -> list[str]:
    unmarked = re.sub(r"\\(.)", r"\1", _BREAKS.sub("\0", SPAN.sub(r"\g<text>", markdown)))
    return [piece for piece in unmarked.split("\0") if len(letters(piece)) >= _FEWEST_LETTERS]


def _padded(text: str) -> str:
    """Return the numbers of a text in order, between spaces."""
    return f" {' '.join(_NUMBER.findall(text))} "


def _text(pdf: Pdf) -> str:
    """Return the PDF's content without heads and feet, which would stand in a sentence's way."""
    parts = [d.text for page in pdf.pages for d in page.content if d.kind == "text"]
    return "\n".join(parts)
