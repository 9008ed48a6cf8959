"""Labels, their numbers through the whole report, and the calls of them in the text."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cvlib.engine.chapter_tree import ChapterTree
from cvlib.engine.errors import RenderError, Unsupported
from cvlib.engine.floats import is_panel_of
from cvlib.engine.outline import number_headings
from cvlib.engine.source_lines import line_of, line_of_label, nearest
from cvlib.engine.tree import SPACE, Element, link, raw, string, text_of, transform, words

REFERENCE = re.compile(r"(?P<kind>fig|tbl|sec|eq)-.+", re.IGNORECASE)
QUARTO_REFERENCE = re.compile(
    r"(lst|thm|lem|cor|prp|cnj|def|exm|exr|alg|nte|tip|wrn|imp|cau|vid)-.+"
)
PREFIXES = {"fig": "Figure", "tbl": "Table", "sec": "Section", "eq": "Equation"}

# "EXP02: Receptive field" is called "EXP02": capitals, digits, then a colon or a dash.
# The PDF's template has the same rule (short-label in definitions.typ).
SHORT_LABEL = re.compile(r"([A-Z]{2,}[0-9]+)\s*[:–—]")


@dataclass(frozen=True)
class Target:
    """Something that can be called by its label."""

    label: str
    kind: str
    number: str
    page: str
    short: str | None = None
    title: str = ""


@dataclass
class Index:
    """All labels of a report."""

    targets: dict[str, Target] = field(default_factory=dict)
    homes: dict[str, ChapterTree] = field(default_factory=dict)

    def add(self, target: Target, chapter: ChapterTree) -> None:
        """Take in a label; one that is there twice is an error."""
        other = self.homes.get(target.label)
        if other is not None:
            source = chapter.executed.source
            raise RenderError(
                f"the label {target.label!r} is used twice, here and in {other.executed.file}: "
                "every label of a report is used once",
                file=chapter.executed.file,
                line=line_of(source, "#" + target.label, target.label),
            )
        self.targets[target.label] = target
        self.homes[target.label] = chapter


def build_index(chapters: Sequence[ChapterTree]) -> Index:
    """Number headings, figures, tables and equations of all chapters, in order."""
    index = Index()
    counts = {"fig": 0, "tbl": 0, "eq": 0}
    headings = number_headings(chapters)
    for chapter in chapters:
        chapter.headings = headings[chapter.executed.file]
        for heading in chapter.headings:
            if heading.identifier.startswith("sec-"):
                short = SHORT_LABEL.match(heading.title)
                index.add(
                    Target(
                        label=heading.identifier,
                        kind="sec",
                        number=heading.number,
                        page=chapter.page,
                        short=short.group(1) if short else None,
                        title=heading.title,
                    ),
                    chapter,
                )
        for element in _numbered(chapter.blocks):
            kind = "eq" if element["t"] == "Equation" else element["kind"]
            counts[kind] += 1
            element["number"] = str(counts[kind])
            if element["id"]:
                index.add(Target(element["id"], kind, element["number"], chapter.page), chapter)
            panels = _panels(element) if element["t"] == "Float" else []
            for letter, panel in zip("abcdefghijklmnopqrstuvwxyz", panels, strict=False):
                panel["number"] = f"{counts[kind]}{letter}"
                index.add(Target(panel["id"], kind, panel["number"], chapter.page), chapter)
    return index


def _numbered(value: Any) -> Iterator[Element]:
    """Yield floats and equations in order; the panels inside a float are not among them."""
    if isinstance(value, list):
        for item in value:
            yield from _numbered(item)
    elif isinstance(value, dict):
        if value.get("t") in ("Float", "Equation"):
            yield value
            return
        for item in value.values():
            if isinstance(item, list | dict):
                yield from _numbered(item)


def _panels(parent: Element) -> list[Element]:
    found: list[Element] = []

    def collect(value: Any) -> None:
        if isinstance(value, list):
            for item in value:
                collect(item)
        elif isinstance(value, dict):
            if value.get("t") == "Float" and is_panel_of(value, parent):
                found.append(value)
            else:
                for item in value.values():
                    collect(item)

    collect(parent["content"])
    return found


def has_panels(element: Element) -> bool:
    """Tell whether a float is made of lettered panels."""
    return bool(_panels(element))


def prefixes(given: Mapping[str, Any]) -> dict[str, str]:
    """Return what stands before a number in a call: `crossref: fig-prefix` and so on."""
    return {kind: str(given.get(f"{kind}-prefix", text)) for kind, text in PREFIXES.items()}


def resolve_calls(
    blocks: list[Element],
    chapter: ChapterTree,
    index: Index,
    words_before: Mapping[str, str],
    output: str,
) -> list[Element]:
    """Replace every `@fig-x` by a link with its number; one that leads nowhere is an error."""

    def visit(element: Element) -> list[Element] | None:
        if element["t"] != "Cite":
            return None
        citations = element["c"][0]
        calls = [c for c in citations if _is_call(c, chapter)]
        if not calls:
            return None
        if len(calls) < len(citations):
            raise Unsupported(
                f"{text_of(element['c'][1])!r} mixes references to the report with citations: "
                "write two brackets",
                file=chapter.executed.file,
                line=line_of_label(chapter.executed.source, calls[0]["citationId"]),
            )
        out: list[Element] = []
        for position, call in enumerate(calls):
            if position:
                out += [string(","), SPACE]
            target = find_target(call["citationId"], chapter, index)
            out += _written(call, target, words_before, chapter, output)
        return out

    return transform(blocks, visit)


def _is_call(citation: dict[str, Any], chapter: ChapterTree) -> bool:
    label = citation["citationId"]
    if QUARTO_REFERENCE.fullmatch(label):
        raise Unsupported(
            f"a reference to {label!r}: the embedded engine numbers figures (fig-), tables (tbl-), "
            "sections (sec-) and equations (eq-)",
            file=chapter.executed.file,
            line=line_of_label(chapter.executed.source, label),
        )
    return REFERENCE.fullmatch(label) is not None


def find_target(label: str, chapter: ChapterTree, index: Index) -> Target:
    """Return what `label` names; `Fig-x` at the start of a sentence is `fig-x`."""
    target = index.targets.get(label) or index.targets.get(label[:1].lower() + label[1:])
    if target is None:
        kind = label.split("-")[0].lower()
        same_kind = [known for known in index.targets if known.startswith(kind + "-")]
        raise RenderError(
            f"the reference @{label} leads nowhere{nearest(label, same_kind)}",
            file=chapter.executed.file,
            line=line_of_label(chapter.executed.source, label)
            or line_of(chapter.executed.source, label),
        )
    return target


def _written(
    call: dict[str, Any],
    target: Target,
    words_before: Mapping[str, str],
    chapter: ChapterTree,
    output: str,
) -> list[Element]:
    before: list[Element] = call["citationPrefix"]
    if not before and call["citationMode"]["t"] != "SuppressAuthor":
        before = words(words_before[target.kind])
    after: list[Element] = call["citationSuffix"]
    if output == "typst":
        opening = raw("typst", f"#ref(<{target.label}>, supplement: [")
        return [opening, *before, raw("typst", "])"), *after]
    if target.short is not None:
        text = words(target.short)
    elif not target.number:
        text = words(target.title)
    else:
        text = [*before, *([string("\u00a0")] if before else []), string(target.number)]
    home = "" if target.page == chapter.page else relative(target.page, chapter.page)
    return [link(text, f"{home}#{target.label}", "xref"), *after]


def relative(page: str, start: str) -> str:
    """Return the link from page `start` to `page`, both relative to the output folder."""
    return posixpath.relpath(page, posixpath.dirname(start) or ".")
