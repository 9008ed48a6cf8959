"""A chapter as a syntax tree: read by pandoc, checked, and made plain for one output.

What is left for the writers, besides pandoc's own elements, are `Callout`s, `Equation`s, `Float`s and
`Panel`s; what is meant for the other output is gone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Literal

from cvlib.engine import pandoc
from cvlib.engine.chapter import ExecutedChapter
from cvlib.engine.errors import RenderError, Unsupported, raise_all
from cvlib.engine.floats import mark_floats
from cvlib.engine.supported import DIV_CLASSES
from cvlib.engine.tree import Element, attr, elements_in, make, parse_inlines, text_of, transform

OutputFormat = Literal["typst", "html"]
Needle = str | re.Pattern[str]

# Classes with a meaning of their own in Quarto. Any other class is only a name for style sheets.
_QUARTO_CLASSES = re.compile(
    r"panel-.*|column-.*|callout-.*|content-.*|cell.*|grid|g-col-.*|aside|landscape|hidden|"
    r"incremental|nonincremental|notes|fragment|tabset.*|listing|theorem|proof|remark|solution|"
    r"lightbox|code-.*|aspect-.*|page-.*|quarto-.*|screen-.*|margin-.*|light-content|dark-content"
)
_QUARTO_DIV_LABELS = re.compile(
    r"(thm|lem|cor|prp|cnj|def|exm|exr|sol|rem|alg|lst|nte|tip|wrn|imp|cau|vid)-"
)
_CODE_ATTRIBUTES = ("filename", "code-line-numbers", "lst-cap")
_HTML_OF_ITS_OWN = re.compile(r"<(img|figure|iframe|script|video)\b")

_FORMATS = {"html": "html", "html:js": "html", "typst": "typst"}
_CONDITIONAL = {"content-visible", "content-hidden"}
_CONDITIONS = {"when-format", "unless-format"}
_PAGE_BREAK = "{{< pagebreak >}}"
_EQUATION_LABEL = re.compile(r"\{#(eq-[\w-]+)\}")


@dataclass
class Document:
    """One chapter between reading and writing.

    problems: what stops its conversion, noted so that all of it is told; headings: once all chapters
    are numbered.
    """

    executed: ExecutedChapter
    blocks: list[Element]
    problems: list[RenderError] = field(default_factory=list)
    headings: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        _, (self.identifier, *_), self.title = self.blocks[0]["c"]
        self.title_text = text_of(self.title)
        self.file = self.executed.file
        self.page = str(PurePosixPath(self.file).with_suffix(".html"))

    def note(
        self, message: str, *needles: Needle, kind: type[RenderError] = RenderError, what: str = ""
    ) -> None:
        """Note a problem with the line of the source that holds one of `needles`."""
        self.problems.append(self.executed.error(message, *needles, kind=kind, what=what))

    @property
    def part(self) -> str | None:
        """The part that the chapter stands in; appendices stand in none."""
        entry = self.executed.entry
        return entry.part if entry.kind == "chapter" else None

    @property
    def is_appendix(self) -> bool:
        """Whether the chapter stands behind the others."""
        return self.executed.entry.kind == "appendix"

    @property
    def shift(self) -> int:
        """By how many levels its headings move down."""
        return int(self.part is not None)


def read_documents(
    chapters: Sequence[ExecutedChapter],
    output: OutputFormat,
    fingerprints: Mapping[str, str] | None = None,
) -> list[Document]:
    """Read chapters side by side, in order, for one output.

    fingerprints: of what blocks of interpretation were written beside, as they are now; None where
    nobody noted them: then nothing is marked. Raises RenderError for what no tree can be made of.
    """
    readers = [_Reader(each, output, fingerprints) for each in chapters]
    with ThreadPoolExecutor(max_workers=4) as pool:
        read = list(pool.map(_Reader.read, readers))
    documents = [document for document in read if document is not None]
    if len(documents) < len(read):  # what leads to the others leads nowhere
        raise_all(problem for reader in readers for problem in reader.problems)
    return documents


@dataclass(frozen=True)
class _Reader:
    """Reads one chapter; its first heading, or its YAML title, becomes its title."""

    chapter: ExecutedChapter
    output: OutputFormat
    fingerprints: Mapping[str, str] | None
    problems: list[RenderError] = field(default_factory=list)

    def read(self) -> Document | None:
        """Its tree, and what is wrong with it; None where there is no tree."""
        try:
            blocks = transform(
                self._titled(pandoc.read(self.chapter.markdown)), self._as_quarto_reads
            )
            for element in elements_in(blocks):
                self._refuse_unsupported(element)
            blocks = mark_floats(transform(blocks, self._visit), self._note)
        except pandoc.TooNested as error:
            self._note(error.message, error.text)
            return None
        except RenderError as error:
            self._note(error.message)
            return None
        return Document(self.chapter, blocks, self.problems)

    def _note(self, message: str, *needles: Needle, kind: type[RenderError] = RenderError) -> None:
        self.problems.append(self.chapter.error(message, *needles, kind=kind))

    def _as_quarto_reads(self, element: Element) -> list[Element] | None:
        """The shortcode for a page break, and tables that a cell printed as HTML (a pandas frame)."""
        # escaped, the same letters are a name's
        if (
            element["t"] == "Para"
            and text_of(element) == _PAGE_BREAK
            and _PAGE_BREAK in self.chapter.markdown
        ):
            return [make("RawBlock", "typst", "#pagebreak()")]
        if element["t"] == "RawBlock" and element["c"][0] == "html" and "<table" in element["c"][1]:
            found = elements_in(pandoc.read(element["c"][1], "html")["blocks"])
            return [_right_aligned(table) for table in found if table["t"] == "Table"]
        return None

    def _titled(self, document: dict[str, Any]) -> list[Element]:
        blocks: list[Element] = document["blocks"]
        meta = document.get("meta", {})
        if "title" in meta:
            title = _inlines_of(meta["title"])
            slug = re.sub(r"[^\w]+", "-", text_of(title).lower()).strip("-")
            lead: list[Element] = []
            for key in ("subtitle", "abstract"):
                if key in meta:
                    is_blocks = meta[key]["t"] == "MetaBlocks"
                    lead += meta[key]["c"] if is_blocks else [make("Para", _inlines_of(meta[key]))]
            return [make("Header", 1, attr(slug), title), *lead, *blocks]
        while blocks and blocks[0]["t"] == "RawBlock" and blocks[0]["c"][1].lstrip()[:4] == "<!--":
            blocks = blocks[1:]
        if not blocks or blocks[0]["t"] != "Header":
            message = (
                "the chapter has no title: begin it with a heading (# Title {#sec-name}) "
                "or give it a title in its YAML header"
            )
            self.problems.append(RenderError(message, file=self.chapter.file, line=1))
            return [make("Header", 1, attr(), [make("Str", "…")]), *blocks]
        blocks[0]["c"][0] = 1
        return blocks

    # ── what only Quarto can carry out stops the render ─────────────────────────────────────

    def _refuse_unsupported(self, element: Element) -> None:
        """Note what would be lost or drawn wrongly."""
        tag = element["t"]
        if tag in ("Div", "Span"):
            identifier, classes, _ = element["c"][0]
            if _QUARTO_DIV_LABELS.match(identifier):
                self._stop(f"a block labelled {identifier!r} is", "#" + identifier)
            for name in classes:
                if name not in DIV_CLASSES and _QUARTO_CLASSES.fullmatch(name):
                    self._stop(f"the class .{name} is", "." + name, name)
        elif tag == "Str" and "{{<" in element["c"] and "{{<" in self.chapter.markdown:  # unescaped
            self._stop("a shortcode ({{< … >}}) is", "{{<")
        elif tag in ("RawBlock", "RawInline"):
            self._refuse_raw(*element["c"])
        elif tag == "CodeBlock":
            identifier, _, given = element["c"][0]
            for key, _ in given:
                if key in _CODE_ATTRIBUTES:
                    self._stop(f"the attribute {key!r} of a code block is", key)
            if identifier.startswith("lst-"):
                self._stop("a numbered listing is", identifier)

    def _refuse_raw(self, form: str, text: str) -> None:
        # a raw line may be all that is left of a shortcode after a LaTeX command
        if form in ("tex", "latex"):
            needle = text.strip().splitlines()[0] if text.strip() else "=latex"
            self._stop(f"raw LaTeX ({needle[:40]!r}) is", needle, "=latex")
        elif form not in ("html", "html4", "html5", "typst"):
            self._stop(f"raw content for {form!r} is", "=" + form)
        # raw HTML that is written as such is for the HTML pages alone, on purpose
        elif (
            form != "typst"
            and _HTML_OF_ITS_OWN.search(text)
            and "{=html}" not in self.chapter.source
        ):
            found = re.search(r"<\w+", text)
            tag = found.group(0) if found else "<"
            self._stop(
                f"raw HTML ({tag}…), which the PDF would not show (a picture in markdown works in "
                "both), is",
                tag,
            )

    def _stop(self, what: str, *needles: str) -> None:
        self._note(
            f"{what} not supported by the embedded engine (cvlib/engine/supported.py lists what is); "
            "render with Quarto, or write it another way",
            *needles,
            kind=Unsupported,
        )

    # ── what is meant for this output, made plain ───────────────────────────────────────────

    def _visit(self, element: Element) -> list[Element] | None:
        tag = element["t"]
        if tag in ("RawBlock", "RawInline"):
            form = "html" if element["c"][0].startswith("html") else element["c"][0]
            return None if form == self.output else []
        if tag in ("Div", "Span"):
            attributes, content = element["c"]
            classes = attributes[1]
            if _CONDITIONAL & set(classes):
                return transform(content, self._visit) if self._is_shown(attributes) else []
            if tag == "Div" and "interpretation" in classes:
                return self._interpretation(attributes, transform(content, self._visit))
            kinds = [c.removeprefix("callout-") for c in classes if c.startswith("callout-")]
            if tag == "Div" and kinds and f"callout-{kinds[0]}" in DIV_CLASSES:
                return [_callout(kinds[0], dict(attributes[2]), transform(content, self._visit))]
        if tag in ("Para", "Plain"):
            return [{**element, "c": self._with_equations(transform(element["c"], self._visit))}]
        return None

    def _is_shown(self, attributes: list[Any]) -> bool:
        """Whether content is for this output: `.content-visible when-format="html"` and so on."""
        conditions = dict(attributes[2])
        behaviour = (_CONDITIONAL & set(attributes[1])).pop()
        unknown = sorted(conditions.keys() - _CONDITIONS)
        wrong, needle = "", behaviour
        if unknown or not conditions:
            what = f"the condition {unknown[0]!r}" if unknown else f".{behaviour} alone"
            wrong = f"{what} (expected when-format or unless-format)"
        elif strange := [item for item in conditions.items() if item[1] not in _FORMATS]:
            key, needle = strange[0]
            is_pdf = needle in ("pdf", "latex")
            hint = "; the PDF is made by Typst: write typst" if is_pdf else ""
            wrong = f'{key}="{needle}" (expected html or typst{hint})'
        if wrong:
            needles = (f'"{needle}"', f"={needle}", needle)
            self._note(f"{wrong} is not supported", *needles, kind=Unsupported)
            return True
        met = all(
            (_FORMATS[value] == self.output) == (key == "when-format")
            for key, value in conditions.items()
        )
        return met == (behaviour == "content-visible")

    def _interpretation(self, attributes: list[Any], inside: list[Element]) -> list[Element]:
        """Prose that interprets results: marked in a page where they changed, plain in the PDF.

        `::: {.interpretation reviewed="exp02=77d0e1aa"}` names what it was written beside.
        """
        if self.output != "html":
            return inside
        identifier, classes, _ = attributes
        items = (item.partition("=") for item in dict(attributes[2]).get("reviewed", "").split())
        reviewed = {name: digits for name, _, digits in items}
        now = self.fingerprints
        # what the text itself names: a page is made without asking what else its chapter reads
        changed = sorted(n for n in reviewed if now is not None and now.get(n, "") != reviewed[n])
        if changed or (now is not None and not reviewed):
            why = f"Results of {', '.join(changed).upper()} changed since this was written"
            why = why if reviewed else "Not reviewed beside its results yet"
            name = PurePosixPath(self.chapter.file).stem
            note = [make("Str", f"{why}. Read it again, then: cvlib reviewed {name}")]
            inside = [make("Para", [make("Span", attr("", "review-note"), note)]), *inside]
            classes = [*classes, "needs-review"]
        return [make("Div", attr(identifier, *classes), inside)]

    def _with_equations(self, inlines: list[Element]) -> list[Element]:
        """A display formula followed by `{#eq-name}` becomes `{"t": "Equation", "id", "tex"}`."""
        out: list[Element] = []
        for inline in inlines:
            label = _EQUATION_LABEL.match(inline["c"]) if inline["t"] == "Str" else None
            if label is None:
                out.append(inline)
                continue
            while out and out[-1]["t"] in ("Space", "SoftBreak"):
                out.pop()
            formula: Element = out.pop() if out else {"t": ""}
            if formula["t"] != "Math" or formula["c"][0]["t"] != "DisplayMath":
                self._note(
                    f"the label {label[0]} does not follow a display formula ($$…$$)", label[0]
                )
                out += [formula, inline] if formula["t"] else [inline]
                continue
            out.append({"t": "Equation", "id": label[1], "tex": formula["c"][1]})
            rest = inline["c"][label.end() :]
            out += [make("Str", rest)] if rest else []
        return out


def _right_aligned(table: Element) -> Element:
    """A pandas frame is set to the right in every column, as its own style sheet says."""
    attributes, caption, columns, *rest = table["c"]
    if "dataframe" in attributes[1]:
        columns = [[{"t": "AlignRight"}, width] for _, width in columns]
    return {"t": "Table", "c": [attr(), caption, columns, *rest]}


def _callout(kind: str, given: Mapping[str, str], content: list[Element]) -> Element:
    title = parse_inlines(given.get("title", ""))
    if not title and content and content[0]["t"] == "Header":
        title, content = content[0]["c"][2], content[1:]
    return {
        "t": "Callout",
        "kind": kind,
        "title": title or [make("Str", kind.capitalize())],
        "collapse": given.get("collapse"),
        "content": content,
    }


def _inlines_of(value: Element) -> list[Element]:
    return value["c"] if value["t"] == "MetaInlines" else [make("Str", text_of(value))]
