"""A cell that ran, written as Markdown exactly as Quarto's Jupyter engine writes it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from cvlib.engine import mime
from cvlib.engine.cell_captions import Captions, captions_of
from cvlib.engine.cell_outputs import Output, is_display
from cvlib.engine.chapter import Cell
from cvlib.engine.errors import Unsupported
from cvlib.engine.png import retina_size, without_text
from cvlib.engine.project import Target
from cvlib.engine.svg import without_metadata

# Options that Quarto uses up; the others become attributes of the cell's div.
_USED_UP = frozenset(
    {
        "eval",
        "echo",
        "warning",
        "error",
        "output",
        "include",
        "label",
        "fig-cap",
        "fig-subcap",
        "fig-alt",
        "code-fold",
    }
)
# Known to Quarto as options of a cell; others come first among the attributes.
_OF_CELL = frozenset({"tbl-cap", "layout-ncol"})
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_TICKS = re.compile(r"^\s*(`+)", re.MULTILINE)
_SCRIPT = re.compile(r"<script\b", re.IGNORECASE)
_WRAPPED = re.compile(r"^[<(\[].*?[>)\]]$")


class CellWriter:
    """Writes the cells of one chapter for one format.

    `figures` is the folder's name in the markdown (`exp01_files/figure-html`); `save` is called
    with a file name and its bytes for each picture.
    """

    def __init__(
        self,
        target: Target,
        execute: Mapping[str, Any],
        figures: str,
        save: Callable[[str, bytes], None],
    ) -> None:
        self.target = target
        self.execute = execute
        self.figures = figures
        self.save = save

    def write(self, cell: Cell, all_outputs: list[Output], block: int, count: int) -> str:
        """Return the cell's markdown. `block` is its place among all blocks, `count` among cells.

        Both are counted as Quarto counts: blocks from 0, cells from 1.
        """
        if not self._on(cell, "include"):
            return ""
        outputs = self._shown(cell, all_outputs)
        if not cell.code and not outputs:
            return ""
        label = cell.options.get("label")
        on_container = bool(label) and self._labels_container(cell, outputs)
        cell_caption, captions = captions_of(cell, outputs)

        head = "::: {"
        if on_container:
            head += f"#{label.lower()} "  # type: ignore[union-attr]
        elif self.target == "html":
            head += f"#cell-{label if label else block} "
        attributes = _attributes(cell)
        head += f".cell {attributes}execution_count={count}}}\n"

        needs_div = on_container or attributes or cell_caption is not None or captions.given
        asis = cell.options.get("output", self.execute["output"]) == "asis"
        body = self._code(cell) if self._on(cell, "echo") else ""
        if self._on(cell, "output"):
            names = label.lower().lstrip("0123456789_-") if label else f"cell-{count + 1}"
            part = f"#{label.lower()}" if label else ""
            suffix = 0
            for index, output in enumerate(outputs):
                own = part
                if on_container and is_display(output):
                    suffix += 1
                    own = f"{part}-{suffix}"
                body += self._output(
                    cell, output, index, own, f"{names}-output-{index + 1}", captions, asis
                )
        if body and (needs_div or not asis):
            body = body if body.endswith("\n") else body + "\n"
            body = head + body + (f"\n{cell_caption}\n" if cell_caption else "") + ":::\n"
        return body + "\n"

    def _on(self, cell: Cell, option: str) -> bool:
        return bool(cell.options.get(option, self.execute[option]))

    def _warns(self, cell: Cell) -> bool:
        """Whether stderr is shown: `warning`, except where output is off for the document."""
        if self.execute["output"] is False and cell.options.get("output") is not False:
            return bool(cell.options.get("warning", False))
        return self._on(cell, "warning")

    def _shown(self, cell: Cell, outputs: list[Output]) -> list[Output]:
        has_image = any(self._kind(output) in mime.IMAGES for output in outputs)
        shown = []
        for output in outputs:
            if output["output_type"] == "stream" and output["name"] == "stderr":
                if self._warns(cell):
                    shown.append(output)
            elif not _is_left_over(output, has_image):
                if is_display(output):
                    output = {**output, "data": mime.with_math(output["data"])}
                shown.append(output)
        return shown

    def _kind(self, output: Output) -> str | None:
        if not is_display(output):
            return None
        return mime.choose(output["data"], self.target, self.execute["fig-format"])

    def _labels_container(self, cell: Cell, outputs: list[Output]) -> bool:
        displayed = sum(map(is_display, outputs))
        several = displayed > 1 and not isinstance(cell.options.get("fig-cap"), list)
        is_table = str(cell.options.get("label")).startswith("tbl-")
        return not self._on(cell, "output") or displayed == 0 or several or is_table

    def _code(self, cell: Cell) -> str:
        ticks = _fence(cell.code)
        fold = cell.options.get("code-fold")
        folded = "" if fold is None else f' code-fold="{_js(fold)}"'
        return f"{ticks} {{.python .cell-code{folded}}}\n{cell.code}\n{ticks}\n"

    def _output(
        self,
        cell: Cell,
        output: Output,
        index: int,
        label: str,
        file_stem: str,
        captions: Captions,
        asis: bool,
    ) -> str:
        kind = self._kind(output)
        text = ""
        if not asis:
            is_table = str(cell.options.get("label")).startswith("tbl-")
            labelled = label and is_display(output) and not is_table and kind not in mime.IMAGES
            classes = output["output_type"]
            classes = "display" if is_display(output) else classes
            classes = output["name"] if classes == "stream" else classes
            text = (
                "\n::: {"
                + (f"{label} " if labelled else "")
                + f".cell-output .cell-output-{classes}"
            )
            text += " .cell-output-markdown" if kind == mime.MARKDOWN else ""
            count = output.get("execution_count")
            text += "" if count is None else f" execution_count={count}"
            text += "}\n"
        if output["output_type"] == "stream":
            raw = output["text"]
            text += raw if asis and output["name"] == "stdout" else _code_block(_plain(raw))
        elif output["data"]:
            caption = captions.take()
            text += self._display(cell, output, kind, label, caption, file_stem, index)
            if caption and kind not in mime.IMAGES:
                text += f"\n{caption}\n"
        return text if asis else (text if text.endswith("\n") else text + "\n") + ":::\n"

    def _display(
        self,
        cell: Cell,
        output: Output,
        kind: str | None,
        label: str,
        caption: str | None,
        file_stem: str,
        index: int,
    ) -> str:
        data = output["data"]
        if kind in mime.IMAGES:
            return self._picture(cell, output, kind, label, caption, file_stem, index) + "\n"
        text = "" if kind is None else mime.text_of(data[kind])
        if kind is None or mime.is_script(kind) or (kind == mime.HTML and _SCRIPT.search(text)):
            raise Unsupported(
                "the cell shows something that needs JavaScript or has no form for a page "
                f"({', '.join(sorted(data))}); show a figure, a table or text",
                file=cell.file,
                line=cell.line,
            )
        if kind == mime.MARKDOWN:
            return text + "\n"
        if kind == mime.HTML:
            ticks = _fence(text)
            return f"{ticks}{{=html}}\n{text}{'' if text.endswith(chr(10)) else chr(10)}{ticks}\n"
        return _code_block(_plain(text))

    def _picture(
        self,
        cell: Cell,
        output: Output,
        kind: str,
        label: str,
        caption: str | None,
        file_stem: str,
        index: int,
    ) -> str:
        value = mime.text_of(output["data"][kind])
        metadata = (output.get("metadata") or {}).get(kind) or {}
        width, height = metadata.get("width"), metadata.get("height")
        is_svg = kind == mime.SVG
        content = without_metadata(value).encode() if is_svg else base64.b64decode(value)
        if kind == mime.PNG:
            if self.execute["fig-format"] == "retina":
                width, height = retina_size(content, self.execute["fig-dpi"]) or (width, height)
            content = without_text(content)
        name = f"{file_stem}.{mime.IMAGES[kind]}"
        self.save(name, content)
        attributes = [label] if label else []
        attributes += [f"width={width}"] if width else []
        attributes += [f"height={height}"] if height else []
        alt = cell.options.get("fig-alt")
        if isinstance(alt, list):
            alt = alt[index] if index < len(alt) else None
        attributes += [f"fig-alt={_quoted(alt)}"] if alt else []
        return f"![{caption or ''}]({self.figures}/{name}){{{' '.join(attributes)}}}"


def _attributes(cell: Cell) -> str:
    unknown = sorted(set(cell.options) - _USED_UP - _OF_CELL)
    forwarded = unknown + [key for key in cell.options if key in _OF_CELL]
    return "".join(f"{key}={_quoted(_js(cell.options[key]))} " for key in forwarded)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "\\'") + "'"


def _js(value: Any) -> str:
    """Write a value as JavaScript prints it: true, 4 for 4.0."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value)


def _is_left_over(output: Output, has_image: bool) -> bool:
    """Whether this is what a plotting call happened to return, shown beside its figure."""
    if output["output_type"] != "execute_result" or set(output["data"]) != {mime.PLAIN}:
        return False
    text = mime.text_of(output["data"][mime.PLAIN])
    if not has_image:
        return text.startswith(("[<matplotlib", "<matplotlib", "<seaborn.", "<ggplot:"))
    if "\n" in text.rstrip("\n"):
        return "<matplotlib." in text
    line = text.strip()
    return (
        _WRAPPED.match(line) is not None
        or re.match(r"^Text\([-\d]", line) is not None
        or (line.startswith("{") and "<matplotlib." in line)
    )


def _plain(text: str) -> str:
    """Drop colours, and of a line that was written over keep what was last seen."""
    text = _ANSI.sub("", text).replace("\r\n", "\n")
    return "\n".join(line.rstrip("\r").rsplit("\r", 1)[-1] for line in text.split("\n"))


def _fence(text: str) -> str:
    return "`" * max(3, 1 + max((len(run) for run in _TICKS.findall(text)), default=0))


def _code_block(text: str) -> str:
    ticks = _fence(text)
    return f"{ticks}\n{text}{'' if text.endswith(chr(10)) else chr(10)}{ticks}\n"
