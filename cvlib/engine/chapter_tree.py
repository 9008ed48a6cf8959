"""A chapter as a syntax tree: read by pandoc, checked, its floats and callouts made plain."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Literal

from cvlib.engine import pandoc
from cvlib.engine.ast import Element, attr, header, para, text_of
from cvlib.engine.callouts import mark_callouts
from cvlib.engine.conditional import keep_for
from cvlib.engine.equations import mark_equations
from cvlib.engine.errors import RenderError
from cvlib.engine.executed import ExecutedChapter
from cvlib.engine.floats import mark_floats
from cvlib.engine.html_tables import read_html_tables
from cvlib.engine.page_break import mark_page_breaks
from cvlib.engine.unsupported import refuse_unsupported
from cvlib.freeze.review_marks import mark_reviews

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
    chapters: Sequence[ExecutedChapter], output: Output, now: Mapping[str, str] | None = None
) -> list[ChapterTree]:
    """Read chapters side by side, in order, for one output.

    now: fingerprints of the experiments' results; text that was written beside others is marked.
    """
    with ThreadPoolExecutor(max_workers=4) as pool:
        return list(pool.map(lambda chapter: read_chapter(chapter, output, now), chapters))


def read_chapter(
    chapter: ExecutedChapter, output: Output, now: Mapping[str, str] | None = None
) -> ChapterTree:
    """Read one chapter; its first heading, or its YAML title, becomes its title."""
    document = pandoc.read(chapter.markdown)
    blocks = read_html_tables(mark_page_breaks(_titled(document, chapter)))
    refuse_unsupported(blocks, chapter)
    blocks = keep_for(blocks, output, chapter)
    blocks = mark_reviews(blocks, chapter.file, output, now)
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
