"""A chapter as a syntax tree: read by pandoc, checked, its floats and callouts made plain."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Literal

from cvlib.engine import pandoc
from cvlib.engine.callouts import mark_callouts
from cvlib.engine.chapter import ExecutedChapter
from cvlib.engine.conditional import keep_for
from cvlib.engine.equations import mark_equations
from cvlib.engine.errors import RenderError
from cvlib.engine.floats import mark_floats
from cvlib.engine.html_tables import read_html_tables
from cvlib.engine.page_break import mark_page_breaks
from cvlib.engine.tree import Element, attr, div, header, para, span, text_of, transform, words
from cvlib.engine.unsupported import refuse_unsupported

Output = Literal["typst", "html"]


@dataclass
class ChapterTree:
    """One chapter between reading and writing."""

    executed: ExecutedChapter
    blocks: list[Element]
    identifier: str
    title: list[Element]
    headings: list[Any] = field(default_factory=list)

    @property
    def page(self) -> str:
        """The chapter's HTML file, relative to the output folder."""
        return str(PurePosixPath(self.executed.file).with_suffix(".html"))

    @property
    def title_text(self) -> str:
        """The title without markup."""
        return text_of(self.title)


def read_chapters(
    chapters: Sequence[ExecutedChapter],
    output: Output,
    fingerprints: Mapping[str, str] | None = None,
) -> list[ChapterTree]:
    """Read chapters side by side, in order, for one output.

    fingerprints: of the experiments' results; text that was written beside others is marked.
    """
    with ThreadPoolExecutor(max_workers=4) as pool:
        return list(pool.map(lambda chapter: read_chapter(chapter, output, fingerprints), chapters))


def read_chapter(
    chapter: ExecutedChapter, output: Output, fingerprints: Mapping[str, str] | None = None
) -> ChapterTree:
    """Read one chapter; its first heading, or its YAML title, becomes its title."""
    document = pandoc.read(chapter.markdown)
    blocks = read_html_tables(mark_page_breaks(_titled(document, chapter)))
    refuse_unsupported(blocks, chapter)
    blocks = keep_for(blocks, output, chapter)
    blocks = mark_reviews(blocks, chapter.file, output, fingerprints)
    blocks = mark_callouts(blocks)
    blocks = mark_floats(blocks, chapter)
    blocks = mark_equations(blocks, chapter)
    _, attributes, title = blocks[0]["c"]
    return ChapterTree(chapter, blocks, attributes[0], title)


def _titled(document: dict[str, Any], chapter: ExecutedChapter) -> list[Element]:
    blocks: list[Element] = document["blocks"]
    meta = document.get("meta", {})
    title = meta.get("title")
    if title is not None:
        lead = [_from_meta(meta[key]) for key in ("subtitle", "abstract") if key in meta]
        slug = re.sub(r"[^\w]+", "-", text_of(_inlines(title)).lower()).strip("-")
        return [header(1, _inlines(title), attr(slug)), *[b for bs in lead for b in bs], *blocks]
    while blocks and _is_comment(blocks[0]):
        blocks = blocks[1:]
    if not blocks or blocks[0]["t"] != "Header":
        raise RenderError(
            "the chapter has no title: begin it with a heading (# Title {#sec-name}) "
            "or give it a title in its YAML header",
            file=chapter.file,
            line=1,
        )
    blocks[0]["c"][0] = 1
    return blocks


def _is_comment(block: Element) -> bool:
    return block["t"] == "RawBlock" and block["c"][1].lstrip().startswith("<!--")


def _inlines(value: Element) -> list[Element]:
    if value["t"] == "MetaInlines":
        inlines: list[Element] = value["c"]
        return inlines
    return [{"t": "Str", "c": text_of(value)}]


def _from_meta(value: Element) -> list[Element]:
    if value["t"] == "MetaBlocks":
        blocks: list[Element] = value["c"]
        return blocks
    return [para(_inlines(value))]


def mark_reviews(
    blocks: list[Element], file: str, output: str, fingerprints: Mapping[str, str] | None
) -> list[Element]:
    """Take the fences of interpretation off for Typst; mark what is to be read again for HTML.

    `::: {.interpretation reviewed="exp02=77d0e1aa"}` names what the text was written beside.
    fingerprints: as they are now; None where nobody noted them: then nothing is marked.
    """

    def visit(element: Element) -> list[Element] | None:
        if element["t"] != "Div" or "interpretation" not in element["c"][0][1]:
            return None
        (identifier, classes, given), content = element["c"]
        inside = transform(content, visit)
        if output != "html":
            return inside
        note = _review_note(dict(given).get("reviewed", ""), file, fingerprints)
        if note:
            classes = [*classes, "needs-review"]
            inside = [para([span(words(note), attr("", ("review-note",)))]), *inside]
        return [div(inside, attr(identifier, tuple(classes)))]

    return transform(blocks, visit)


def _review_note(reviewed: str, file: str, fingerprints: Mapping[str, str] | None) -> str:
    """What a page says above a text that is to be read again; '' above one that is not."""
    if fingerprints is None:
        return ""
    items = (item.partition("=") for item in reviewed.split())
    names = {name: digits for name, _, digits in items}
    # what the text itself names: a page is made without asking what else its chapter reads
    changed = sorted(name for name in names if fingerprints.get(name, "") != names[name])
    if names and not changed:
        return ""
    why = f"Results of {', '.join(changed).upper()} changed since this was written"
    why = why if names else "Not reviewed beside its results yet"
    return f"{why}. Read it again, then: cvlib reviewed {PurePosixPath(file).stem}"
