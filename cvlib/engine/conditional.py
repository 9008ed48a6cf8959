"""Content for one output only: `.content-visible when-format=…`, raw blocks."""

from __future__ import annotations

from cvlib.engine.chapter import ExecutedChapter
from cvlib.engine.errors import Unsupported
from cvlib.engine.source_lines import line_of
from cvlib.engine.tree import Element, pairs, transform

FORMATS = {"html": "html", "html:js": "html", "typst": "typst"}
CLASSES = {"content-visible", "content-hidden"}
CONDITIONS = {"when-format", "unless-format"}


def keep_for(blocks: list[Element], output: str, chapter: ExecutedChapter) -> list[Element]:
    """Drop what is meant for another output than `output` ("typst" or "html")."""

    def visit(element: Element) -> list[Element] | None:
        if element["t"] in ("RawBlock", "RawInline"):
            form = "html" if element["c"][0].startswith("html") else element["c"][0]
            return None if form == output else []
        if element["t"] not in ("Div", "Span") or not CLASSES & set(element["c"][0][1]):
            return None
        attributes, content = element["c"]
        if _is_shown(attributes, output, chapter):
            return transform(content, visit)
        return []

    return transform(blocks, visit)


def _is_shown(attributes: list, output: str, chapter: ExecutedChapter) -> bool:
    conditions = pairs(attributes)
    behaviour = (CLASSES & set(attributes[1])).pop()
    unknown = set(conditions) - CONDITIONS
    if unknown or not conditions:
        what = f"the condition {sorted(unknown)[0]!r}" if unknown else f".{behaviour} alone"
        _stop(f"{what} (expected when-format or unless-format)", behaviour, chapter)
    met = True
    for key, value in conditions.items():
        if value not in FORMATS:
            hint = "; the PDF is made by Typst: write typst" if value in ("pdf", "latex") else ""
            _stop(f'{key}="{value}" (expected html or typst{hint})', value, chapter)
        same = FORMATS[value] == output
        met = met and (same if key == "when-format" else not same)
    return met if behaviour == "content-visible" else not met


def _stop(what: str, needle: str, chapter: ExecutedChapter) -> None:
    raise Unsupported(
        f"{what} is not supported",
        file=chapter.file,
        line=line_of(chapter.source, f'"{needle}"', f"={needle}", needle),
    )
