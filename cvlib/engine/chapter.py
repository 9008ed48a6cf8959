"""A .qmd file taken apart: header, text, cells, each with its place in the file."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cvlib.engine.cell_options import split_options
from cvlib.engine.errors import BookError, Unsupported
from cvlib.engine.header import YAML_RULE, end_of_yaml_block, split_header
from cvlib.engine.include import Line, read_lines
from cvlib.engine.supported import SHORTCODES
from cvlib.journal.captions import INLINE

# As in Quarto's reader: `{python}` after the fence, and closing with as many ticks.
_FENCE = re.compile(r"^(\s*)(```+|~~~+)\s*(.*?)\s*$")
_CELL = re.compile(r"^\{([A-Za-z][\w.+-]*)(.*)\}$")
_SHORTCODE = re.compile(r"(?<!\{)\{\{<\s*(/?[\w-]+)?")


@dataclass(frozen=True)
class Markdown:
    """Text between cells, blank lines at both ends removed; or a YAML block of its own."""

    text: str
    line: int
    file: str
    is_yaml: bool = False


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


@dataclass(frozen=True)
class Chapter:
    """A parsed chapter. `file` is relative to the project; `text` is the file as it is on disk.

    `header` is the YAML header, `header_text` its lines with both rules. `included` are the files
    that it takes in, relative to the project.
    """

    file: str
    text: str
    header_text: str
    header: Mapping[str, Any]
    blocks: tuple[Markdown | Cell, ...]
    included: tuple[str, ...]

    @property
    def head(self) -> Markdown:
        """The YAML header as a block."""
        return Markdown(self.header_text, 1, self.file, is_yaml=True)

    @property
    def hash(self) -> str:
        """Quarto's freeze hash: md5 of the file's text with LF line ends."""
        return text_hash(self.text)

    @property
    def executes(self) -> bool:
        """Whether Quarto's Jupyter engine would run it: it has a cell, or names `jupyter`."""
        return "jupyter" in self.header or any(isinstance(b, Cell) for b in self.blocks)


def text_hash(text: str) -> str:
    """Return the md5 (hex) of `text`, UTF-8, with LF line ends."""
    return hashlib.md5(text.replace("\r\n", "\n").encode(), usedforsecurity=False).hexdigest()


def read_chapter(root: Path, file: str) -> Chapter:
    """Parse the chapter `file`, a path relative to `root`."""
    return parse_chapter(root, file, (root / file).read_bytes().decode("utf-8-sig"))


def parse_chapter(root: Path, file: str, text: str) -> Chapter:
    """Parse `text` as that of the chapter `file`; what it includes is read from disk."""
    lines, included = read_lines(root, file, text)
    header_text, header, body = split_header(lines, file)
    blocks = tuple(_blocks(body))
    chapter = Chapter(file, text, header_text, header, blocks, included)
    _check_labels(chapter)
    if not chapter.executes:
        for block in (chapter.head, *blocks):
            found = INLINE.search(block.text) if isinstance(block, Markdown) else None
            if found and isinstance(block, Markdown):
                raise Unsupported(
                    f"inline `{{python}} {found.group(2)}` in a chapter without a cell stays plain "
                    "text: add a cell, or `jupyter: python3` to the header",
                    file=block.file,
                    line=block.line + block.text.count("\n", 0, found.start(2)),
                )
    return chapter


def _blocks(lines: list[Line]) -> list[Markdown | Cell]:
    blocks: list[Markdown | Cell] = []
    pending: list[Line] = []

    def flush(is_yaml: bool = False) -> None:
        filled = [i for i, line in enumerate(pending) if line.text.strip()]
        if filled:
            kept = pending[filled[0] : filled[-1] + 1]
            text = "\n".join(line.text for line in kept)
            blocks.append(Markdown(text, kept[0].number, kept[0].file, is_yaml))
        pending.clear()

    position = 0
    while position < len(lines):
        line = lines[position]
        fence = _FENCE.match(line.text)
        if YAML_RULE.match(line.text) and _text_at(lines, position + 1):
            end = end_of_yaml_block(lines, position)
            flush()
            pending.extend(lines[position : end + 1])
            flush(is_yaml=True)
            position = end + 1
            continue
        if fence is None:
            _check_text_line(lines, position)
            pending.append(line)
            position += 1
            continue
        indent, ticks, info = fence.groups()
        end = _closing(lines, position, indent, ticks)
        language = _CELL.match(info)
        if language is None or language.group(1).startswith("."):
            pending.extend(lines[position : end + 1])
        else:
            _check_cell_fence(line, indent, ticks, *language.groups())
            flush()
            blocks.append(_cell(lines[position:end]))
        position = end + 1
    flush()
    return blocks


def _closing(lines: list[Line], start: int, indent: str, ticks: str) -> int:
    closing = re.compile(rf"^\s*{re.escape(ticks[0])}{{{len(ticks)},}}\s*$")
    for end in range(start + 1, len(lines)):
        if closing.match(lines[end].text):
            return end
    raise BookError(
        f"the block opened by {ticks} is never closed",
        file=lines[start].file,
        line=lines[start].number,
    )


def _check_cell_fence(line: Line, indent: str, ticks: str, language: str, rest: str) -> None:
    if language != "python":
        raise Unsupported(
            f"a cell of `{{{language}}}`: only {{python}} cells run here",
            file=line.file,
            line=line.number,
        )
    if rest.strip():
        raise Unsupported(
            f"cell options belong on `#|` lines, not after `{{python` ({rest.strip()!r})",
            file=line.file,
            line=line.number,
        )
    if indent or ticks[0] == "~":
        raise Unsupported(
            "a cell must open with ``` at the start of its line", file=line.file, line=line.number
        )


def _check_text_line(lines: list[Line], position: int) -> None:
    line = lines[position]
    for found in _SHORTCODE.finditer(line.text):
        if found.group(1) not in SHORTCODES:
            raise Unsupported(
                f"shortcode `{{{{< {found.group(1) or ''} >}}}}` is not supported by the embedded "
                f"engine (supported: {', '.join(sorted(SHORTCODES))})",
                file=line.file,
                line=line.number,
            )
        if found.group(1) == "include":
            raise Unsupported(
                "`{{< include file >}}` must stand alone on its line",
                file=line.file,
                line=line.number,
            )


def _text_at(lines: list[Line], position: int) -> str:
    return lines[position].text.strip() if position < len(lines) else ""


def _cell(lines: list[Line]) -> Cell:
    fence, inside = lines[0], [line.text for line in lines[1:]]
    # The notebook that Quarto makes of a chapter drops one blank line at either end, then blank
    # lines at both ends, where a line that was not the last keeps its newline.
    inside = inside[1:] if inside and inside[0] == "" else inside
    dropped = len(lines) - 1 - len(inside)
    inside = inside[:-1] if inside and inside[-1] == "" else inside
    first = fence.number + 1 + dropped
    options, option_lines, code = split_options(inside, fence.file, first)
    code_line = first + len(inside) - len(code)
    kept = [text + "\n" for text in code[:-1]] + code[-1:]
    while kept and not kept[-1].strip():
        kept.pop()
    while kept and not kept[0].strip():
        kept.pop(0)
        code_line += 1
    had_options = len(code) < len(inside)
    return Cell(
        "".join(kept), options, option_lines, had_options, fence.file, fence.number, code_line
    )


def _check_labels(chapter: Chapter) -> None:
    seen: dict[str, int] = {}
    for block in chapter.blocks:
        label = block.options.get("label") if isinstance(block, Cell) else None
        if label is None:
            continue
        if label in seen:
            raise BookError(
                f"two cells are labelled `{label}`; the first is at line {seen[label]}",
                file=block.file,
                line=block.line,
            )
        seen[label] = block.line
