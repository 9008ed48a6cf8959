"""A .qmd file taken apart: the one place that says what a cell, an option, an inline value is.

As Quarto's own reader does it (src/core/jupyter/jupyter.ts, quartoMdToJupyter). Nothing is refused that
Quarto may take: what the embedded engine does not carry out is noted in `Chapter.problems`, and
`check_supported` raises these.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from cvlib.engine import supported
from cvlib.engine.book import ChapterEntry
from cvlib.engine.errors import BookError, RenderError, Unsupported, line_of, raise_all
from cvlib.yaml_source import Yaml, parse_yaml

# Options of a cell that may hold inline values.
CAPTION_OPTIONS = ("fig-cap", "fig-subcap", "fig-alt", "tbl-cap")
# Group 1 is what stands before it.
INLINE = re.compile(r"(^|[^`])`\{python\}[ \t]([^`]+)`", re.MULTILINE)
YAML_RULE = re.compile(r"^---\s*$")

# What no editor shows and no page holds.
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_MOST_INCLUDES = 200
_INCLUDE = re.compile(r"^\s*\{\{<\s*include\s+(\S+)\s*>\}\}\s*$")
_SHORTCODE = re.compile(r"(?<!\{)\{\{<\s*(/?[\w-]+)?")
_FENCE = re.compile(r"^(\s*)(```+|~~~+)\s*(.*?)\s*$")
_LANGUAGE = re.compile(r"^\{([A-Za-z][\w.+-]*)(.*)\}$")
# What Quarto takes for a cell of some language; only those of the kernel's are run.
_CELL = re.compile(r"^\{\w+( *[ ,].*)?\}$")
_OPTION_LINE = re.compile(r"^#\s*\| ?")
# Diagrams and Observable are drawn in the browser or by Quarto, and nothing is executed for them.
_DRAWN = {"mermaid", "dot", "ojs"}


class Line(NamedTuple):
    """A line without its end, and its place."""

    text: str
    file: str
    number: int


class Inline(NamedTuple):
    """An expression, `{python} expr`, in a text: start and end are its span there, ticks included."""

    expression: str
    file: str
    line: int
    start: int
    end: int


@dataclass(frozen=True)
class TextBlock:
    """Text between cells, blank lines at both ends removed; or a YAML block of its own."""

    lines: tuple[Line, ...]
    is_yaml: bool = False

    @cached_property
    def text(self) -> str:
        """The lines, joined."""
        return "\n".join(line.text for line in self.lines)

    @property
    def file(self) -> str:
        """The file of the first line."""
        return self.lines[0].file

    @property
    def line(self) -> int:
        """The number of the first line."""
        return self.lines[0].number

    @cached_property
    def inlines(self) -> tuple[Inline, ...]:
        """The inline expressions, in order."""
        found = []
        for match in INLINE.finditer(self.text):
            before = self.text.count("\n", 0, match.start(2))
            line = self.lines[min(before, len(self.lines) - 1)]
            found.append(Inline(match[2], line.file, line.number, match.end(1), match.end()))
        return tuple(found)


@dataclass(frozen=True)
class Caption(TextBlock):
    """One text of a cell's caption option, on the line of the option."""

    option: str = ""


@dataclass(frozen=True)
class Cell:
    """A Python cell. `code` is without its `#|` lines; `line` is where its fence opens.

    `option_lines` maps an option to its line.
    """

    code: str
    options: Mapping[str, Any]
    option_lines: Mapping[str, int]
    has_option_lines: bool
    file: str
    line: int
    code_line: int

    @property
    def captions(self) -> list[Caption]:
        """The texts of its captions."""
        found = []
        for option in CAPTION_OPTIONS:
            value = self.options.get(option)
            line = self.option_lines.get(option, self.line)
            texts = value if isinstance(value, list) else [value]
            lines = [Line(text, self.file, line) for text in texts if isinstance(text, str)]
            found += [Caption((line,), option=option) for line in lines]
        return found

    @property
    def asked_in_captions(self) -> dict[str, Inline]:
        """The inline expressions of its captions, each on one line and once."""
        asked: dict[str, Inline] = {}
        for caption in self.captions:
            for found in caption.inlines:
                asked.setdefault(as_one_line(found.expression), found)
        return asked


@dataclass(frozen=True)
class Chapter:
    """A parsed chapter. `file` is relative to the project; `text` is the file as it is on disk.

    lines: with what it includes in place; head: the YAML header with both rules, as a block, empty where there is none; header:
    what it says; included: the files that it takes in, relative to the project, with their text;
    is_whole: whether each of them could be taken in;
    executes: whether Quarto would run it: it has a cell of any language, or names `jupyter`; problems:
    what stops the embedded engine, in the order of the text.
    """

    file: str
    text: str
    lines: tuple[Line, ...] = field(repr=False)
    head: TextBlock
    header: Mapping[str, Any]
    blocks: tuple[TextBlock | Cell, ...]
    included: Mapping[str, str]
    is_whole: bool
    executes: bool
    problems: tuple[RenderError, ...] = field(compare=False)

    @cached_property
    def full_text(self) -> str:
        """The text with what it includes in place."""
        return "\n".join(line.text for line in self.lines)

    @property
    def cells(self) -> list[Cell]:
        """The Python cells."""
        return [block for block in self.blocks if isinstance(block, Cell)]

    @property
    def hash(self) -> str:
        """Quarto's freeze hash: md5 of the file's text with LF line ends."""
        return text_hash(self.text)

    @property
    def freeze(self) -> Any:
        """What its own header says of freezing, None where it says nothing."""
        execute = self.header.get("execute")
        return execute.get("freeze") if isinstance(execute, dict) else None


@dataclass(frozen=True)
class ExecutedChapter:
    """The seam between the two halves: a chapter after its cells ran, for one format.

    `markdown` is as Quarto's engine would have written it. `supporting` is the folder whose content
    the markdown calls `<stem>_files/` (a freeze keeps it as `_freeze/<path without .qmd>/`); None when
    the chapter made no figures. `source` is the .qmd as written, for the line numbers of errors.
    """

    entry: ChapterEntry
    markdown: str
    supporting: Path | None
    source: str

    @property
    def file(self) -> str:
        """The .qmd's path relative to the project, with forward slashes."""
        return self.entry.file

    def error(
        self,
        message: str,
        *needles: str | re.Pattern[str],
        kind: type[RenderError] = RenderError,
        what: str = "",
    ) -> RenderError:
        """Make an error with the line of the source that holds one of `needles`, see `line_of`."""
        return kind(message, file=self.file, line=line_of(self.source, *needles), what=what)

    def path_of(self, reference: str, root: Path) -> Path:
        """Return where a picture lies that the markdown names by `reference`.

        A figure of a cell (`exp01_files/figure-html/fig-a-output-1.png`) lies under `supporting`,
        any other reference beside the chapter, or below the project's root if it begins with `/`.
        """
        if reference.startswith("/"):
            return root / reference.lstrip("/")
        own_files = Path(self.file).stem + "_files/"
        if self.supporting is not None and reference.startswith(own_files):
            return self.supporting / reference[len(own_files) :]
        return (root / self.file).parent / reference


def text_hash(text: str) -> str:
    """Return the md5 (hex) of `text`, UTF-8, with LF line ends."""
    return hashlib.md5(text.replace("\r\n", "\n").encode(), usedforsecurity=False).hexdigest()


def as_one_line(expression: str) -> str:
    """An expression as pandoc reads it back from a caption."""
    return re.sub(r"\s*\n\s*", " ", expression).strip()


def check_supported(chapters: Iterable[Chapter]) -> None:
    """Raise what stops the embedded engine: all problems of these chapters."""
    raise_all(problem for chapter in chapters for problem in chapter.problems)


def read_chapter(root: Path, file: str) -> Chapter:
    """Parse the chapter `file`, a path relative to `root`. Raises BookError for what is no UTF-8."""
    return parse_chapter(root, file, _decoded((root / file).read_bytes(), file))


def parse_chapter(root: Path, file: str, text: str) -> Chapter:
    """Parse `text` as that of the chapter `file`; what it includes is read from disk."""
    return _Reader(root).read(file, text)


def _decoded(content: bytes, file: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        is_wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")
        what = "it is UTF-16" if is_wide else f"byte {content[error.start]:#x} is no part of it"
        line = content.count(b"\n", 0, error.start) + 1
        message = f"not UTF-8 text: {what}; save the file as UTF-8"
        raise BookError(message, file=file, line=line) from None


@dataclass
class _Reader:
    """Takes one chapter apart; notes what stops the embedded engine, and goes on."""

    root: Path
    included: dict[str, str] = field(default_factory=dict)
    includes: int = 0
    is_whole: bool = True
    lines: list[Line] = field(default_factory=list)
    blocks: list[TextBlock | Cell] = field(default_factory=list)
    pending: list[Line] = field(default_factory=list)
    problems: list[RenderError] = field(default_factory=list)
    has_cell: bool = False  # of any language that Quarto runs

    def read(self, file: str, text: str) -> Chapter:
        self._take_lines(file, text, (file,))
        self.lines = self.lines or [Line("", file, 1)]  # of an include that is refused
        head, header, body = self._header()
        self._read_blocks(body)
        self._check_labels()
        executes = self.has_cell or "jupyter" in header
        for block in () if executes else (head, *self.blocks):
            for found in block.inlines if isinstance(block, TextBlock) else ():
                message = (
                    f"inline `{{python}} {found.expression}` in a chapter without a cell stays plain "
                    "text: add a cell, or `jupyter: python3` to the header"
                )
                self._stop(message, found.file, found.line)
        return Chapter(
            file=file,
            text=text,
            lines=tuple(self.lines),
            head=head,
            header=header,
            blocks=tuple(self.blocks),
            included=self.included,
            is_whole=self.is_whole,
            executes=executes,
            problems=tuple(self.problems),
        )

    def _stop(
        self, message: str, file: str, line: int | None, kind: type[RenderError] = Unsupported
    ) -> None:
        self.problems.append(kind(message, file=file, line=line))

    def _check_known(
        self, what: str, name: str, known: Collection[str], file: str, line: int | None
    ) -> bool:
        """Whether the table of what is supported has a name."""
        if name not in known:
            supported = ", ".join(sorted(known))
            message = f"{what} is not supported by the embedded engine (supported: {supported})"
            self._stop(message, file, line)
        return name in known

    def _take_lines(self, file: str, text: str, open_files: tuple[str, ...]) -> None:
        """Split `text` into lines, included files in their places."""
        ticks = ""
        for number, content in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
            if fence := _FENCE.match(content):
                ticks = fence[2] if not ticks else "" if fence[2] == ticks else ticks
            if control := _CONTROL.search(content):
                self._stop(f"control character {control[0]!a}: delete it", file, number)
            found = None if ticks else _INCLUDE.match(content)
            if found is None:
                self.lines.append(Line(content, file, number))
                continue
            name = found[1].strip("\"'")
            start = "" if name.startswith("/") else posixpath.dirname(file)
            target = posixpath.normpath(posixpath.join(start, name.lstrip("/")))
            try:
                self.included[target] = self._included_text(target, open_files)
            except BookError as error:
                if self.includes <= _MOST_INCLUDES + 1:  # that there are too many is said once
                    place = (error.file or file, error.line or number)
                    self._stop(error.message, *place, BookError)
                self.is_whole = False
            else:
                self._take_lines(target, self.included[target], (*open_files, target))

    def _included_text(self, target: str, open_files: tuple[str, ...]) -> str:
        """The text of a file that is named from the project. Raises BookError."""
        self.includes += 1
        path = self.root / target
        if target in open_files:
            raise BookError(f"{target} includes itself")
        if self.includes > _MOST_INCLUDES:
            raise BookError(f"over {_MOST_INCLUDES} includes in one chapter: include less")
        try:
            if not path.is_file():
                raise BookError(f"included file {target} does not exist")
            if not path.resolve().is_relative_to(self.root.resolve()):
                raise BookError(f"included file {target} lies outside the project: copy it into it")
            return _decoded(path.read_bytes(), target)
        except OSError as error:
            raise BookError(f"included file {target[:200]}: {error.strerror}") from None

    def _header(self) -> tuple[TextBlock, dict[str, Any], int]:
        """The YAML header as a block, what it says, and where the body begins."""
        first = self.lines[0]
        if not YAML_RULE.match(first.text):
            return _yaml_block(first, ""), {}, 0
        # stands for a header that nobody can read, so that the rest can be looked at
        broken = _yaml_block(first, "---", "title: …", "---")
        end = self._end(0, YAML_RULE)
        if end is None:
            self._stop("the YAML header has no closing ---", first.file, 1, BookError)
            return broken, {}, 1
        parsed = self._yaml(self.lines[1:end])
        if parsed is None:
            return broken, {}, end + 1
        for key in parsed.data:
            if key not in supported.HARMLESS_KEYS["header"]:
                place = (parsed.file, parsed.line(key))
                self._check_known(f"header key `{key}`", key, supported.HEADER_KEYS, *place)
        execute = parsed.data.get("execute") or {}
        for key in execute if isinstance(execute, dict) else ["execute"]:
            if key not in supported.PROJECT_KEYS["execute"] or key == "freeze":
                message = f"`{key}` below `execute` in a chapter's header is not supported"
                self._stop(message, parsed.file, parsed.line("execute", key))
        kernel = parsed.data.get("jupyter", "python3")
        if kernel != "python3":
            message = f"kernel {kernel!r}: chapters run in this Python, as `python3`"
            self._stop(message, parsed.file, parsed.line("jupyter"))
        # Quarto takes `jupyter` out of the header when it runs the chapter.
        kept = [line for line in self.lines[: end + 1] if not line.text.startswith("jupyter:")]
        head = TextBlock(tuple(kept), is_yaml=True) if len(kept) > 2 else _yaml_block(first, "")
        return head, parsed.data, end + 1

    def _end(self, start: int, closing: re.Pattern[str]) -> int | None:
        """Where what opens at `start` is closed."""
        after = range(start + 1, len(self.lines))
        return next((end for end in after if closing.match(self.lines[end].text)), None)

    def _yaml(self, lines: Sequence[Line]) -> Yaml | None:
        """What YAML says; None, which is noted, for what is none."""
        if not lines:
            return Yaml({})
        _, file, number = lines[0]
        try:
            return parse_yaml("\n".join(line.text for line in lines), file, number, error=BookError)
        except BookError as error:
            self.problems.append(error)
            return None

    def _read_blocks(self, position: int) -> None:
        while position < len(self.lines):
            line = self.lines[position]
            following = self.lines[position + 1].text if position + 1 < len(self.lines) else ""
            if YAML_RULE.match(line.text) and following.strip():
                position = self._read_yaml_block(position)
            elif fence := _FENCE.match(line.text):
                position = self._read_fenced(position, *fence.groups())
            else:
                for found in _SHORTCODE.finditer(line.text):
                    name, place = found[1] or "", (line.file, line.number)
                    what = f"shortcode `{{{{< {name} >}}}}`"
                    self._check_known(what, name, supported.SHORTCODES, *place)
                    if name == "include":
                        self._stop("`{{< include file >}}` must stand alone on its line", *place)
                self.pending.append(line)
                position += 1
        self._flush()

    def _flush(self, is_yaml: bool = False) -> None:
        """Make a block of the text that was read since the last one."""
        if kept := _without_blank_ends(self.pending):
            self.blocks.append(TextBlock(tuple(kept), is_yaml))
        self.pending.clear()

    def _read_yaml_block(self, start: int) -> int:
        """Read a YAML block after the header, which may give a title that needs a cell's values."""
        opening = self.lines[start]
        end = self._end(start, YAML_RULE)
        rule = "for a horizontal rule leave a blank line after ---"
        if end is None:
            message = f"the YAML block has no closing ---; {rule}"
            self._stop(message, opening.file, opening.number, BookError)
            self.pending.append(opening)
            return start + 1
        parsed = self._yaml(self.lines[start + 1 : end])
        if parsed is None:
            return end + 1
        for key in (key for key in parsed.data if key not in supported.LATE_HEADER_KEYS):
            message = (
                f"`{key}` in a second YAML block (supported there: "
                f"{', '.join(sorted(supported.LATE_HEADER_KEYS))}); options belong in the header, "
                f"and {rule}"
            )
            self._stop(message, parsed.file, parsed.line(key))
        self._flush()
        self.pending += self.lines[start : end + 1]
        self._flush(is_yaml=True)
        return end + 1

    def _read_fenced(self, start: int, indent: str, ticks: str, info: str) -> int:
        """Read a fenced block: a cell, or code that is only shown."""
        _, file, number = self.lines[start]
        end = self._end(start, re.compile(rf"^\s*{re.escape(ticks[0])}{{{len(ticks)},}}\s*$"))
        if end is None:
            self._stop(f"the block opened by {ticks} is never closed", file, number, BookError)
            return len(self.lines)
        language, rest = found.groups() if (found := _LANGUAGE.match(info)) else ("", "")
        is_cell = bool(language) and ticks[0] == "`" and _CELL.match(info) is not None
        if language and language != "python":
            self._stop(f"a cell of `{{{language}}}`: only {{python}} cells run here", file, number)
        elif rest.strip():
            message = f"cell options belong on `#|` lines, not after `{{python` ({rest.strip()!r})"
            self._stop(message, file, number)
        elif language and (indent or not is_cell):
            self._stop("a cell must open with ``` at the start of its line", file, number)
        self.has_cell |= is_cell and language not in _DRAWN
        if is_cell and language == "python":
            self._flush()
            self.blocks.append(self._cell(start, end, indent))
        else:
            self.pending += self.lines[start : end + 1]
        return end + 1

    def _cell(self, start: int, end: int, indent: str) -> Cell:
        _, file, line = self.lines[start]
        inside = [
            each._replace(text=each.text.removeprefix(indent))
            for each in self.lines[start + 1 : end]
        ]
        # The notebook that Quarto makes of a chapter drops one blank line at either end, then blank
        # lines at both ends, where a line that was not the last keeps its newline.
        inside = inside[1:] if inside and inside[0].text == "" else inside
        inside = inside[:-1] if inside and inside[-1].text == "" else inside
        is_code = [_OPTION_LINE.match(each.text) is None for each in inside] + [True]
        count = is_code.index(True)
        options = self._options(inside[:count])
        code = [each._replace(text=each.text + "\n") for each in inside[count:-1]]
        code = _without_blank_ends([*code, *inside[count:][-1:]])
        return Cell(
            code="".join(each.text for each in code),
            options=options.data,
            option_lines={k[0]: at for k, at in options.lines.items() if len(k) == 1},
            has_option_lines=count > 0,
            file=file,
            line=line,
            code_line=code[0].number if code else line + 1,
        )

    def _options(self, lines: list[Line]) -> Yaml:
        """The `#|` lines of a cell, each option checked against the table."""
        given = [line._replace(text=_OPTION_LINE.sub("", line.text, count=1)) for line in lines]
        parsed = self._yaml(given) or Yaml({})
        known = supported.CELL_OPTIONS
        for name, value in parsed.data.items():
            place, what = (parsed.file, parsed.line(str(name))), f"cell option `{name}`"
            if self._check_known(what, name, known, *place) and not known[name][0](value):
                message = f"{what} is {value!r}, expected {known[name][1]}"
                self._stop(message, *place, BookError)
        return parsed

    def _check_labels(self) -> None:
        seen: dict[str, int] = {}
        for cell in (block for block in self.blocks if isinstance(block, Cell)):
            label = str(cell.options.get("label", ""))
            if label in seen:
                message = f"two cells are labelled `{label}`; the first is at line {seen[label]}"
                self._stop(message, cell.file, cell.line, BookError)
            elif label:
                seen[label] = cell.line


def _yaml_block(first: Line, *texts: str) -> TextBlock:
    return TextBlock(tuple(first._replace(text=text) for text in texts), is_yaml=True)


def _without_blank_ends(lines: list[Line]) -> list[Line]:
    filled = [position for position, line in enumerate(lines) if line.text.strip()]
    return lines[filled[0] : filled[-1] + 1] if filled else []
