"""The sidebar, and the way to the chapters before and after."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import groupby

from cvlib.engine.chapter_tree import ChapterTree
from cvlib.engine.crossref import relative
from cvlib.engine.outline import part_number

SECTION_DEPTH = 3
APPENDICES = "Appendices"


def sidebar(chapters: Sequence[ChapterTree], current: ChapterTree) -> str:
    """Return the list of chapters, grouped by part; the current one with its sections."""
    lines = ['<ol class="chapters">']
    for title, group in groupby(chapters, _group):
        members = list(group)
        entries = [_entry(chapter, current) for chapter in members]
        if title is None:
            lines += entries
            continue
        number = "" if title == APPENDICES else part_number(members[0])
        name = f'<span class="part-title">{_number(number)}{escape(title)}</span>'
        lines += [f'<li class="part">{name}<ol>', *entries, "</ol></li>"]
    return "\n".join([*lines, "</ol>"])


def _group(chapter: ChapterTree) -> str | None:
    return APPENDICES if chapter.executed.entry.kind == "appendix" else chapter.executed.entry.part


def _entry(chapter: ChapterTree, current: ChapterTree) -> str:
    number = chapter.headings[0].number if chapter.headings else ""
    name = f"{_number(number)}{escape(chapter.title_text)}"
    if chapter is not current:
        return f'<li><a href="{escape(relative(chapter.page, current.page))}">{name}</a></li>'
    return f'<li><a href="#content" aria-current="page">{name}</a>{_sections(chapter)}</li>'


def _sections(chapter: ChapterTree) -> str:
    if not chapter.headings:
        return ""
    top = chapter.headings[0].level
    items = [
        f'<li class="depth-{heading.level - top}"><a href="#{escape(heading.identifier)}">'
        f"{escape(heading.title)}</a></li>"
        for heading in chapter.headings[1:]
        if heading.identifier and 0 < heading.level - top < SECTION_DEPTH
    ]
    return f'<ol class="sections">{"".join(items)}</ol>' if items else ""


def _number(number: str) -> str:
    return f'<span class="number">{escape(number)}</span> ' if number else ""


def neighbours(chapters: Sequence[ChapterTree], current: ChapterTree) -> str:
    """Return the links to the chapters before and after."""
    position = [chapter is current for chapter in chapters].index(True)
    links = []
    if position > 0:
        links.append(_neighbour(chapters[position - 1], current, "prev", "Previous"))
    if position + 1 < len(chapters):
        links.append(_neighbour(chapters[position + 1], current, "next", "Next"))
    return "\n".join(links)


def _neighbour(chapter: ChapterTree, current: ChapterTree, rel: str, word: str) -> str:
    href = escape(relative(chapter.page, current.page))
    return (
        f'<a class="{rel}" rel="{rel}" href="{href}"><span class="direction">{word}</span>'
        f'<span class="where">{escape(chapter.title_text)}</span></a>'
    )
